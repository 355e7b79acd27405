import { type CountryCode, getCountries } from 'libphonenumber-js/max';
import { z } from 'zod';
import { timeOfDayMs } from '../call/hours.ts';
import { costSchema } from './cost-schema.ts';
import { crmSchema } from './crm-schema.ts';
import { duration, matching, plainText, SECOND_MS, template, unknownKeyOr, word, yesOrNo } from './fields.ts';
import { transferSchema } from './transfer-schema.ts';

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d$/;

/** What the call is to find out: the model records it, and nothing that doesn't fit. */
const ANSWER_EXAMPLE = 'e.g. suits: { type: yes-no, about: Does the appointment suit? }';
const about = template('what is asked', 300, 'Does the appointment suit?');
const answersSchema = z
  .record(
    z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
    z.discriminatedUnion(
      'type',
      [
        z.strictObject({ type: z.enum(['text', 'number', 'yes-no']), about }),
        z.strictObject({
          type: z.literal('choice'),
          about,
          choices: z.array(z.string().min(1).max(80), { error: 'a list of texts, e.g. [morning, afternoon]' }).min(2).max(20),
        }),
      ],
      { error: unknownKeyOr(`a type (text, number, yes-no or choice) and what it is about, ${ANSWER_EXAMPLE}`) },
    ),
    { error: unknownKeyOr(`short names of small letters, digits and "_", each with a type and what it is about, ${ANSWER_EXAMPLE}`) },
  )
  .refine((answers) => Object.keys(answers).length <= 20, { error: 'at most 20 answers' });

/** `&` would ring several phones at once, and a comma or bar ends the string in Asterisk's ears. */
const DIAL_STRING = /^[A-Za-z][A-Za-z0-9_]*\/[^\s&,|]+$/;
const PLACEHOLDERS = ['{e164}', '{digits}', '{number}'];

function isDialString(text: string): boolean {
  const placeholders = text.match(/\{[^}]*\}?/g) ?? [];
  return DIAL_STRING.test(text) && placeholders.length > 0 && placeholders.every((placeholder) => PLACEHOLDERS.includes(placeholder));
}

export function isCountry(code: string): code is CountryCode {
  return (getCountries() as string[]).includes(code);
}

function isLanguage(text: string): boolean {
  try {
    return Intl.getCanonicalLocales(text).length === 1 && /^[A-Za-z]{2,3}(-|$)/.test(text);
  } catch {
    return false;
  }
}

/** Every value is text here: the file is read without YAML's own types, so `+12025550100` stays a phone number and `NO` stays Norway. */
export const campaignSchema = z.strictObject({
  name: matching(/^[a-z0-9][a-z0-9-]{0,47}$/, 'a short name of small letters, digits and "-", e.g. spring-checkups'),
  callerId: matching(/^\+[1-9]\d{6,14}$/, 'your own number in E.164: "+", country code, number, no spaces, e.g. +12025550100'),
  trunk: matching(/^[A-Za-z0-9_.-]+$/, 'the name of a PJSIP endpoint of your Asterisk, e.g. my-carrier').optional(),
  dialString: word(
    "Asterisk's dial string, TECH/…, for one phone, with {e164} (+12025550123), {digits} (12025550123) or {number} (as {e164}) in it, e.g. PJSIP/{e164}@my-carrier",
    isDialString,
  ).optional(),
  defaultCountry: word('a country of two capital letters (ISO 3166), e.g. US', isCountry).optional(),
  language: word('a language tag, e.g. en-US or de-DE', isLanguage).default('en-US'),
  voice: matching(/^[A-Za-z0-9]{8,64}$/, 'an ElevenLabs voice id, e.g. 21m00Tcm4TlvDq8ikWAM'),
  greeting: template('the first words, which say who calls', 600, 'Hello {{name}}, this is the Lindenweg dental practice.'),
  disclosure: template(
    'the sentence that says that an AI calls and whether the call is recorded',
    600,
    'I am an AI assistant, and this call is recorded.',
  ),
  goal: template('what the call is to reach', 4_000, 'Confirm or move the appointment.'),
  script: template('how the model is to go about it', 40_000, 'Ask whether {{appointment}} still suits.'),
  goodbye: template('the last words', 600, 'Thank you, goodbye.').optional(),
  apology: plainText(
    'what is said when a service fails in the middle of a call, without {{variables}}',
    300,
    'I am sorry, please call us back.',
  ).optional(),
  voicemail: z
    .enum(['hang-up', 'leave-message'], { error: '"hang-up" or "leave-message", what is done when an answering machine picks up' })
    .optional(),
  voicemailMessage: template(
    'what is spoken after the beep',
    1_000,
    'This is the Lindenweg dental practice, please call us back.',
  ).optional(),
  purpose: template(
    'one sentence that tells a call-screening service why we call',
    300,
    'I am calling about your appointment on Tuesday.',
  ).optional(),
  optOutKey: matching(/^[0-9*#]$/, 'one key of a phone that ends the calls for good, in quotes, e.g. "9"').optional(),
  answers: answersSchema.optional(),
  callBack: yesOrNo.optional(),
  crm: crmSchema.optional(),
  ivr: z.enum(['hang-up', 'press-keys'], { error: '"hang-up" or "press-keys", what is done when a menu of keys answers' }).optional(),
  transfer: transferSchema.optional(),
  hours: z
    .strictObject(
      {
        from: matching(TIME, 'a time of day, HH:MM from 00:00 to 23:59, e.g. 08:00').default('08:00'),
        to: word(
          'a time of day, HH:MM from 00:01 to 24:00, e.g. 21:00',
          (text) => (TIME.test(text) && text !== '00:00') || text === '24:00',
        ).default('21:00'),
      },
      { error: unknownKeyOr('two times, "from" and "to", e.g. from: 08:00, to: 21:00') },
    )
    .refine(({ from, to }) => timeOfDayMs(from) < timeOfDayMs(to), {
      error: '"from" earlier than "to" on the same day (hours over midnight are not possible), e.g. from: 08:00, to: 21:00',
    })
    .prefault({}),
  whenServiceDown: z
    .enum(['wait', 'fail'], { error: '"wait" (the contact waits, spending no attempt) or "fail" (its call fails at once)' })
    .default('wait'),
  recording: yesOrNo.default(true),
  transcript: yesOrNo.default(true),
  limits: z
    .strictObject(
      {
        answerTimeout: duration('5s', '2m', '30s').default(30 * SECOND_MS),
        maxCall: duration('10s', '2h', '10m').default(600 * SECOND_MS),
        maxTurns: word(
          'a whole number from 1 to 500, e.g. 40',
          (text) => /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 500,
        )
          .transform(Number)
          .default(40),
        cost: costSchema.optional(),
      },
      { error: unknownKeyOr('answerTimeout, maxCall, maxTurns and cost, e.g. answerTimeout: 30s') },
    )
    .prefault({}),
});
