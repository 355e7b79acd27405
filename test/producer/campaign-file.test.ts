import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { loadCampaign } from '../../src/producer/campaign-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'campaigns-'));
});
afterAll(() => rm(folder, { recursive: true }));

const MINIMAL: Record<string, string> = {
  name: 'checkups',
  callerId: '"+12025550199"',
  trunk: 'carrier',
  voice: '21m00Tcm4TlvDq8ikWAM',
  greeting: 'Hello {{name}}.',
  disclosure: 'I am an AI.',
  goal: 'Confirm.',
  script: 'Ask.',
};

async function load(content: string | Record<string, string | undefined>) {
  const path = join(folder, `${crypto.randomUUID()}.yaml`);
  const lines =
    typeof content === 'string'
      ? content
      : Object.entries({ ...MINIMAL, ...content })
          .flatMap(([key, value]) => (value === undefined ? [] : `${key}: ${value}`))
          .join('\n');
  await writeFile(path, lines);
  return loadCampaign(path);
}

async function refusal(content: string | Record<string, string | undefined>): Promise<string> {
  const error = await load(content).then(
    () => new Error('accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}

describe('campaign file', () => {
  test.each(['appointment-reminder', 'lead-follow-up'])('the example %s is valid', async (name) => {
    await expect(loadCampaign(`campaigns/${name}.yaml`)).resolves.toMatchObject({ limits: { answerTimeoutMs: 25_000 } });
  });

  test('an apology of its own is the same for everybody, so that it can be spoken when nothing else can', async () => {
    expect((await load({ apology: 'Sorry, our line is broken.' })).apology).toBe('Sorry, our line is broken.');
    expect(await refusal({ apology: 'Sorry, {{name}}.' })).toMatch(
      /apology: found "Sorry, \{\{name\}\}\."; expected .*without \{\{variables\}\}/,
    );
  });

  test('what a short file leaves out has sensible defaults', async () => {
    expect(await load({})).toEqual({
      name: 'checkups',
      callerId: '+12025550199',
      dialString: 'PJSIP/{e164}@carrier',
      defaultCountry: 'US',
      language: 'en-US',
      voice: '21m00Tcm4TlvDq8ikWAM',
      greeting: 'Hello {{name}}.',
      disclosure: 'I am an AI.',
      goal: 'Confirm.',
      script: 'Ask.',
      goodbye: 'Thank you for your time. Goodbye.',
      hours: { from: '08:00', to: '21:00' },
      whenServiceDown: 'wait',
      recording: true,
      transcript: true,
      limits: { answerTimeoutMs: 30_000, maxCallMs: 600_000, maxTurns: 40 },
    });
  });

  test('values that YAML likes to change stay as they were written', async () => {
    const campaign = await load({
      callerId: '+4723000000',
      defaultCountry: 'NO',
      name: '2026',
      language: 'nb',
      goodbye: 'Ha det.',
      recording: 'no',
    });
    expect(campaign).toMatchObject({ callerId: '+4723000000', defaultCountry: 'NO', name: '2026', recording: false });
  });

  test('what the model may do in the CRM, what a call may cost, and that nothing is kept, are read', async () => {
    const campaign = await load({
      transcript: 'no',
      crm: '{ read: [jobtitle] }',
      limits: '{ cost: { most: 0.5, currency: EUR, perMillionInputTokens: 0.40, perMinuteOfCall: 0.01 } }',
    });
    expect(campaign).toMatchObject({
      transcript: false,
      crm: { read: ['jobtitle'], update: [] },
      limits: {
        maxCallMs: 600_000,
        cost: {
          most: 0.5,
          currency: 'EUR',
          perMillionInputTokens: 0.4,
          perMillionOutputTokens: 0,
          perMinuteOfCall: 0.01,
          perMinuteOfAgent: 0,
        },
      },
    });
    expect(await refusal({ crm: '{ read: [Job Title] }' })).toContain('the internal name of a property');
    expect(await refusal({ crm: '{ write: [jobtitle] }' })).toContain('"crm.write": unknown key');
    expect(await refusal({ limits: '{ cost: { most: 1, currency: EUR } }' })).toContain('at least one price above zero');
    expect(await refusal({ limits: '{ cost: { most: free, currency: EUR, perMinuteOfCall: 1 } }' })).toContain('limits.cost.most');
  });

  test('what to do with machines, the key that opts out and the answers to bring home are read', async () => {
    const campaign = await load({
      voicemail: 'leave-message',
      voicemailMessage: 'Hello {{name}}, please call us back.',
      purpose: 'I am calling about your appointment.',
      optOutKey: '"9"',
      callBack: 'yes',
      answers: '{ suits: { type: yes-no, about: Does it suit? }, part: { type: choice, about: When?, choices: [morning, noon] } }',
    });
    expect(campaign).toMatchObject({
      voicemail: 'leave-message',
      voicemailMessage: 'Hello {{name}}, please call us back.',
      purpose: 'I am calling about your appointment.',
      optOutKey: '9',
      callBack: true,
      answers: { suits: { type: 'yes-no', about: 'Does it suit?' }, part: { type: 'choice', choices: ['morning', 'noon'] } },
    });
  });

  test.each([
    [{ voicemail: 'leave-message' }, /voicemailMessage: missing; .* needs the words to leave/],
    [{ voicemail: 'maybe' }, /voicemail: found "maybe"; expected "hang-up" or "leave-message"/],
    [{ optOutKey: '99' }, /optOutKey: found "99"; expected one key of a phone/],
    [
      { answers: '{ suits: { type: boolean, about: Does it suit? } }' },
      /answers\.suits.*expected a type \(text, number, yes-no or choice\)/,
    ],
    [{ answers: '{ suits: { typ: text, about: What? } }' }, /answers\.suits/],
    [{ answers: '{ part: { type: choice, about: When? } }' }, /answers\.part\.choices: missing; expected a list of texts/],
  ])('%j is refused with what would be right', async (keys, expected) => {
    expect(await refusal(keys)).toMatch(expected);
  });

  test('colleagues to put people through to are read, each with a phone of our own or a number', async () => {
    const { transfer, ivr } = await load({
      ivr: 'press-keys',
      transfer:
        '{ targets: { front_desk: { endpoint: PJSIP/200, about: Bills }, night: { number: "+12025550190", about: Pain, spoken: the doctor, announce: false } } }',
    });
    expect(ivr).toBe('press-keys');
    expect(transfer).toEqual({
      ringTimeoutMs: 25_000,
      maxTalkMs: 3_600_000,
      targets: {
        front_desk: { endpoint: 'PJSIP/200', about: 'Bills', spoken: 'front desk', announce: true },
        night: { number: '+12025550190', about: 'Pain', spoken: 'the doctor', announce: false },
      },
    });
  });

  test.each([
    ['{}', /transfer\.targets/],
    ['{ targets: {} }', /1 to 20 targets/],
    ['{ targets: { desk: { about: Bills } } }', /either an "endpoint" .* or a "number"/],
    ['{ targets: { desk: { endpoint: PJSIP/200, number: "+12025550190", about: Bills } } }', /either an "endpoint"/],
    ['{ targets: { desk: { endpoint: "PJSIP/200&PJSIP/201", about: Bills } } }', /dial string of one phone/],
    ['{ targets: { desk: { number: 911, about: Bills } } }', /a number in E\.164/],
    ['{ targets: { desk: { endpoint: PJSIP/200, about: Bills, anounce: no } } }', /did you mean "announce"/],
    ['{ ringTime: 20s, targets: { desk: { endpoint: PJSIP/200, about: Bills } } }', /did you mean "ringTimeout"/],
  ])('a transfer that can not be is told: %s', async (transfer, told) => {
    expect(await refusal({ transfer })).toMatch(told);
  });

  test('all mistakes are told at once, with line, finding, expectation and example', async () => {
    const message = await refusal(
      [
        'name: Bad Name',
        'callerId: 0301234567',
        'trunk: carrier',
        'voice: 21m00Tcm4TlvDq8ikWAM',
        'languge: de-DE',
        'greeting: Hello {{name',
        'disclosure: ""',
        'goal: Confirm.',
        'limits:',
        '  answerTimout: 25s',
        '  maxCall: 25',
      ].join('\n'),
    );
    for (const expected of [
      'has 8 mistakes; nothing was enqueued',
      /line 1 +name: found "Bad Name"; expected .* e\.g\. spring-checkups/,
      /line 2 +callerId: found "0301234567"; expected .* e\.g\. \+12025550100/,
      /line 5 +"languge": unknown key; did you mean "language"\?/,
      /line 6 +greeting: \{\{ without its counterpart/,
      /line 7 +disclosure: found nothing/,
      /line 10 +"limits\.answerTimout": unknown key; did you mean "answerTimeout"\?/,
      /line 11 +limits\.maxCall: found "25"; expected a duration .* e\.g\. 10m/,
      / +script: missing; expected/,
    ])
      expect(message).toMatch(expected);
  });

  test.each([
    ['PJSIP/12025550100', 'the same phone for everybody'],
    ['"{e164}@trunk"', 'no technology'],
    ['PJSIP/{e164}@trunk&PJSIP/100', 'a second phone'],
    ['PJSIP/{phone}@trunk', 'an unknown placeholder'],
    ['"PJSIP/{e164}@trunk,30"', 'dial options'],
  ])('the dial string %s is refused: %s', async (dialString) => {
    expect(await refusal({ dialString, trunk: undefined })).toContain('dialString: found');
  });

  test.each(['PJSIP/{e164}@trunk', 'PJSIP/{digits}@trunk', 'Local/{number}@people'])('the dial string %s is taken', async (dialString) => {
    expect(await load({ dialString, trunk: undefined })).toMatchObject({ dialString });
  });

  test('a trunk or a dial string is needed, and not both', async () => {
    expect(await refusal({ trunk: undefined })).toContain('trunk: missing');
    expect(await refusal({ dialString: 'PJSIP/{e164}@x' })).toContain('expected one of the two');
  });

  test.each([
    ['{from: "21:00", to: "08:00"}', 'hours over midnight are not possible'],
    ['{from: "08:00", to: "08:00"}', 'earlier than "to"'],
    ['{from: "8:00"}', 'hours.from: found "8:00"'],
    ['{to: "24:30"}', 'hours.to: found "24:30"'],
    ['{until: "20:00"}', 'known here: from, to'],
    ['always', 'two times'],
  ])('the hours %s are refused', async (hours, reason) => {
    expect(await refusal({ hours })).toContain(reason);
  });

  test('a whole day is written 00:00 to 24:00', async () => {
    expect(await load({ hours: '{from: "00:00", to: "24:00"}' })).toMatchObject({ hours: { from: '00:00', to: '24:00' } });
  });

  test('a language without a default goodbye asks for one', async () => {
    expect(await refusal({ language: 'pl-PL' })).toContain('goodbye: missing, and there is no default in "pl-PL"');
  });

  test('a key written twice, broken YAML and other files are told as what they are', async () => {
    expect(await refusal('name: a\nname: b\n')).toMatch(/line 2 +not valid YAML/);
    expect(await refusal('name: "a\n')).toContain('not valid YAML');
    expect(await refusal('phone,name\n+12025550100,Ada\n')).toContain('is not a campaign');
    expect(await refusal('')).toContain('is not a campaign');
    await expect(loadCampaign(join(folder, 'absent.yaml'))).rejects.toThrow('There is no campaign file');
    await expect(loadCampaign(folder)).rejects.toThrow(UserError);
  });

  test('a text that begins with a brace is told to want quotes', async () => {
    expect(await refusal({ greeting: '{{name}}' })).toContain('needs quotes');
    expect(await refusal({ greeting: '{{name}}, good day' })).toContain('needs quotes');
  });

  test('aliases that grow without bound are refused', async () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((key, index) => `${key}: &${key} [${Array(10).fill(`*${'abcdefg'[index]}`).join(',')}]`),
    ];
    expect(await refusal(bomb.join('\n'))).toContain("can't be read as YAML");
  });

  test('a value is shown without what steers a terminal', async () => {
    expect(await refusal({ name: '"\\e[31mred"' })).toContain('found "·[31mred"');
  });
});
