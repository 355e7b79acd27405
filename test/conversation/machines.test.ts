import { describe, expect, it } from 'vitest';
import { OPENING } from './telephone/place-call.ts';
import { callsTool, says } from './telephone/scripts.ts';
import { driveTheClock, rule, talk } from './telephone/talk.ts';

const MESSAGE = 'Hello Dana, this is the dental practice. Your appointment is on Tuesday at noon. Please call us back. Goodbye.';
const INTRODUCTION = 'Hello, this is the dental practice. I am calling about your appointment on Tuesday.';
const GREETING =
  "Hi, you have reached Dana Miller. I can't come to the phone. Please leave a message after the tone. Thank you and have a good day.";
const machine = (more: object = {}) => ({
  picksUp: 'answering-machine' as const,
  machine: { greeting: GREETING, beepMs: 400, recordsMs: 30_000, ...more },
});

driveTheClock();

describe('an answering machine', () => {
  it('is hung up on as soon as it gives itself away, where the campaign leaves no messages', async () => {
    const { call, end } = await talk({ persona: machine() });
    expect(end).toMatchObject({ disposition: 'voicemail', reason: 'an answering machine answered; hung up, as the campaign wants it' });
    expect(end.record.recordedText).toBeUndefined();
    expect(call.requests).toEqual([]);
    // Before its greeting has ended.
    expect(end.tookMs).toBeLessThan(8_000);
  });

  it('has the whole message on its tape, word for word and nothing else', async () => {
    const { call, end, agent } = await talk({ persona: machine(), voicemailMessage: MESSAGE });
    expect(end).toMatchObject({
      disposition: 'voicemail',
      reason: 'an answering machine answered; a message was left after the beep',
      turns: 0,
    });
    expect(end.record.recordedText).toBe(MESSAGE);
    expect(agent.at(-1)).toBe(MESSAGE);
    expect(end.record.endedBy).toBe('caller');
    expect(call.requests).toEqual([]);
    const heard = end.transcript.filter(({ speaker }) => speaker === 'callee').map(({ text }) => text);
    expect(heard.join(' ')).toContain('leave a message after the tone.');
  });

  it('that does not beep gets the message when its greeting has ended', async () => {
    const { end } = await talk({ persona: machine({ beepMs: 0 }), voicemailMessage: MESSAGE });
    expect(end).toMatchObject({ disposition: 'voicemail', reason: expect.stringContaining('no beep was heard') });
    expect(end.record.recordedText).toBe(MESSAGE);
  });

  it('is known by its beep when its words tell nothing', async () => {
    const { end } = await talk({ persona: machine({ greeting: 'This is Dana. You know what to do.' }), voicemailMessage: MESSAGE });
    expect(end.disposition).toBe('voicemail');
    expect(end.record.recordedText).toBe(MESSAGE);
  });

  it('that hangs up in the middle of our message is still an answering machine', async () => {
    const { end } = await talk({ persona: machine({ recordsMs: 2_000 }), voicemailMessage: MESSAGE });
    expect(end).toMatchObject({ disposition: 'voicemail', reason: 'an answering machine answered, and hung up' });
    expect(MESSAGE.startsWith(end.transcript.at(-1)?.text ?? '?')).toBe(true);
  });
});

describe('a call-screening service', () => {
  const screener = (...when: object[]) => ({
    firstWords: 'Hi. Before I try to connect you, please state your name and why you are calling.',
    when: [rule('appointment on Tuesday', 'Thanks. Please stay on the line.'), ...when] as never,
  });

  it('is told who calls and why, and whom it puts us through to hears our opening', async () => {
    const { call, end, agent } = await talk({
      persona: {
        firstWords: 'Hi. Before I try to connect you, please state your name and why you are calling.',
        when: [rule('appointment on Tuesday', 'Hello, Dana speaking.'), rule('suit you', 'Yes, it does.')],
      },
      introduction: INTRODUCTION,
      model: [callsTool('end_call', { farewell: 'See you on Tuesday. Goodbye.' })],
    });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText).toContain(INTRODUCTION);
    expect(agent.slice(-3)).toEqual([INTRODUCTION, OPENING, 'See you on Tuesday. Goodbye.']);
  });

  it('that asks us to hold and never comes back is noted as screened', async () => {
    const { end, agent } = await talk({ persona: screener(), introduction: INTRODUCTION });
    expect(end).toMatchObject({ disposition: 'screened', reason: 'a call-screening service answered and did not put us through' });
    expect(agent.at(-1)).toBe(INTRODUCTION);
  });

  it('that hangs up on us is noted as screened', async () => {
    const { end } = await talk({
      persona: { ...screener(), when: [rule('appointment on Tuesday', 'Goodbye.', { hangUp: true })] },
      introduction: INTRODUCTION,
    });
    expect(end.disposition).toBe('screened');
  });

  it('that offers its mailbox gets the message there', async () => {
    const { call, end } = await talk({
      persona: { ...screener(), when: [rule('appointment on Tuesday', 'Nobody answered. Please leave a message.')] },
      introduction: INTRODUCTION,
      voicemailMessage: MESSAGE,
    });
    expect(end.disposition).toBe('voicemail');
    expect(call.person.heardText.endsWith(MESSAGE)).toBe(true);
  });
});

it('a menu of keys is left alone and noted as one', async () => {
  const firstWords = 'Thank you for calling the bank. For account balances, press one. For opening hours, press two.';
  const { call, end } = await talk({ persona: { firstWords } });
  expect(end).toMatchObject({ disposition: 'ivr', reason: 'a menu of keys answered, no person' });
  expect(call.requests).toEqual([]);
});

describe('a person', () => {
  it.each([
    'Lindenweg dental practice, good morning, this is Jane speaking, what can I do for you today?',
    'You have reached the accounting office, Tom speaking.',
    'He is not available right now, would you like to leave a message?',
    "Sorry, I can't come to the phone, I'm driving.",
    'Weiß, guten Tag, der Chef ist gerade nicht da.',
  ])('who says "%s" is talked to', async (firstWords) => {
    const { call, end } = await talk({
      persona: { firstWords, when: [rule('suit you', 'Yes.'), rule('thank', 'Goodbye.', { hangUp: true })] },
      model: [says('Thank you.')],
    });
    expect(end.disposition).toBe('hung-up');
    expect(call.person.heardText).toContain('Does Tuesday at noon suit you?');
  });

  it('who speaks of a mailbox later in the talk is still a person', async () => {
    const { end } = await talk({
      persona: {
        when: [
          rule('suit you', 'Yes.'),
          rule('Fine', 'Good.'),
          rule('Fine', 'Right.'),
          rule('Fine', 'And then please leave a message after the tone.', { hangUp: false }),
          rule('Fine', 'Bye.', { hangUp: true }),
        ],
      },
      model: [says('Fine.')],
    });
    expect(end.disposition).toBe('hung-up');
    expect(end.turns).toBeGreaterThanOrEqual(4);
  });
});

describe('the key that opts out', () => {
  const campaign = { optOutKey: '9' };

  it('opts out at any moment, with a word of acknowledgement', async () => {
    const { call, end, agent } = await talk({
      campaign,
      persona: { when: [{ ...rule('practice', ''), say: undefined, press: '9', interruptAfterMs: 0 }] },
    });
    expect(end).toMatchObject({ disposition: 'opted-out', reason: 'the callee pressed the key that opts out' });
    expect(agent.at(-1)).toBe('Understood, we will not call you again. Goodbye.');
    expect(OPENING.startsWith(agent[0] ?? '?')).toBe(true);
    expect(call.requests).toEqual([]);
    expect(call.optOuts).toEqual([expect.not.stringContaining('Understood')]);
  });

  it('counts in our goodbye as well', async () => {
    const { end } = await talk({
      campaign,
      persona: { when: [rule('suit you', 'No.'), { ...rule('thank', ''), say: undefined, press: '9', interruptAfterMs: 0 }] },
      model: [callsTool('end_call', { farewell: 'Thank you for your time, and have a very nice day. Goodbye.' })],
    });
    expect(end.disposition).toBe('opted-out');
  });

  it('is the only one: another key changes nothing', async () => {
    const { end } = await talk({
      campaign,
      persona: {
        when: [{ ...rule('practice', ''), say: undefined, press: '1', interruptAfterMs: 0 }, rule('suit', 'Yes.', { hangUp: true })],
      },
    });
    expect(end.disposition).toBe('hung-up');
  });
});
