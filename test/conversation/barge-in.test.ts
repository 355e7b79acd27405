import { describe, expect, it } from 'vitest';
import { meaningOf } from '../../src/conversation/asides.ts';
import { says } from './telephone/scripts.ts';
import { driveTheClock, rule, talk } from './telephone/talk.ts';

const LONG = 'You can park behind the house or use the bus that stops right in front of our door every ten minutes. Anything else?';

driveTheClock();

/** Somebody who says this while we explain where to park. */
const listener = (says: string, after = 'house', more: object = {}) => ({
  when: [
    rule('suit you', 'Where can I park?'),
    rule(after, says, { interruptAfterMs: 0, ...more }),
    rule('Anything else', 'No.', { hangUp: true }),
  ],
});

describe('somebody who shows that they listen', () => {
  it.each(['Mhm.', 'Yes.', 'Okay, I see.', 'Ja, genau.'])('with "%s" makes us pause, and we go on where we paused', async (aside) => {
    const { call, end, byAgent } = await talk({ persona: listener(aside), model: [says(LONG)] });
    expect(byAgent.map(({ text, bargedIn }) => [text, bargedIn]).at(1)).toEqual([LONG, undefined]);
    expect(call.requests).toHaveLength(1);
    expect(call.synthesized.filter((text) => text.startsWith('You can park'))).toHaveLength(1);
    // The pause may cost the word in which it came, as it does for any ear.
    const words = LONG.split(' ');
    expect(words.filter((word) => !call.person.heard.some(({ text }) => text === word)).length).toBeLessThanOrEqual(1);
    // It stands in the transcript, but the model is not asked to answer it.
    expect(end.transcript.some(({ speaker, text }) => speaker === 'callee' && text === aside)).toBe(true);
    expect(JSON.stringify(call.requests)).not.toContain(`"${aside}"`);
  });

  it('is not spoken over: what we say ends later by their word and the silence that ends it', async () => {
    const lengthOf = async (persona: ReturnType<typeof listener>) => {
      const { heard } = (await talk({ persona, model: [says(LONG)] })).call.person;
      const from = heard.find(({ text }) => text === 'You')?.startMs ?? Number.NaN;
      return (heard.find(({ text }) => text === 'else?')?.endMs ?? Number.NaN) - from;
    };
    const paused = (await lengthOf(listener('Mhm.'))) - (await lengthOf(listener('Mhm.', 'never heard')));
    expect(paused).toBeGreaterThan(500);
    expect(paused).toBeLessThan(3_000);
  });

  it('and goes on to say something cuts us off', async () => {
    const { call, byAgent } = await talk({
      persona: listener('Yes but is the bus free?'),
      model: [says(LONG), says('It is free. Anything else?')],
    });
    expect(byAgent[1]).toMatchObject({ bargedIn: true });
    expect(JSON.stringify(call.requests[1]?.messages)).toContain('Yes but is the bus free?');
    expect(JSON.stringify(call.requests[1]?.messages)).not.toContain('ten minutes');
  });

  it('in the last moments of what we say has answered us', async () => {
    const { call } = await talk({
      persona: { when: [rule('noon', 'Yes.', { interruptAfterMs: 200 }), rule('Anything', 'No.', { hangUp: true })] },
      model: [says('Wonderful. Anything else?')],
    });
    expect(call.requests[0]?.messages.at(-1)).toEqual({ role: 'user', text: 'Yes.' });
  });

  it('with a wish never to be called again is no such listener', async () => {
    const { end } = await talk({ persona: listener('Stop calling me!'), model: [says(LONG)] });
    expect(end.disposition).toBe('opted-out');
  });
});

/** Noise in the opening has paused us twice in vain: from then on only words cut us off. */
const NOISE = [
  { fromMs: 2_000, toMs: 2_300 },
  { fromMs: 4_500, toMs: 4_800 },
];
const ASKS =
  'There is no parking behind the house, so no car can stop there, but the bus stops at our door every ten minutes. Is that fine?';

describe("a callee's own word that stands in what we say", () => {
  const asks = (says: string, more: object = {}) => ({
    when: [rule('suit you', 'Where can I park?'), rule('parking', says, { interruptAfterMs: 0, ...more })],
    hangsUpAfterMs: 40_000,
  });

  it.each([
    ['on a quiet line', []],
    ['on a noisy line, where only words cut us off', NOISE],
  ])('cuts us off and is answered, %s', async (_line, noise) => {
    const { call, byAgent } = await talk({ noise, persona: asks('No.'), model: [says(ASKS), says('Then take the bus. Anything else?')] });
    expect(byAgent[1]).toMatchObject({ bargedIn: true });
    expect(call.requests[1]?.messages.at(-1)).toEqual({ role: 'user', text: 'No.' });
  });

  it('is no echo before we have said it', async () => {
    const { call, byAgent } = await talk({
      noise: NOISE,
      persona: asks('the bus stops at'),
      model: [says(ASKS), says('It does. Anything else?')],
    });
    expect(byAgent[1]).toMatchObject({ bargedIn: true });
    expect(call.requests[1]?.messages.at(-1)).toEqual({ role: 'user', text: 'the bus stops at' });
  });

  it('is no echo long after we have said it', async () => {
    const { call } = await talk({
      noise: NOISE,
      persona: {
        when: [rule('suit you', 'Where can I park?'), rule('stops', 'behind the house', { interruptAfterMs: 0 })],
        hangsUpAfterMs: 40_000,
      },
      model: [says(ASKS), says('Nobody can. Anything else?')],
    });
    expect(call.requests[1]?.messages.at(-1)).toEqual({ role: 'user', text: 'behind the house' });
  });

  it('is no echo where they go on while we are silent', async () => {
    const { call } = await talk({
      persona: { when: [rule('noon', 'Tuesday at noon.', { interruptAfterMs: 0 })], hangsUpAfterMs: 40_000 },
      model: [says('Tuesday it is. Anything else?')],
    });
    expect(call.requests[0]?.messages).toContainEqual({ role: 'user', text: 'Tuesday at noon.' });
  });
});

describe('our own voice, come back over the line', () => {
  it('is no barge-in, and nothing that the callee said', async () => {
    const { call, end, byAgent } = await talk({
      noise: NOISE,
      persona: {
        when: [
          rule('suit you', 'Where can I park?'),
          rule('bus', 'but the bus', { interruptAfterMs: 0 }),
          rule('Is that fine', 'No.', { hangUp: true }),
        ],
      },
      model: [says(ASKS)],
    });
    expect(byAgent[1]).toMatchObject({ text: ASKS });
    expect(call.requests).toHaveLength(1);
    expect(JSON.stringify(end.transcript)).not.toContain('"but the bus"');
  });
});

describe('a "yes" to one thing', () => {
  it('followed by a cough is no answer to the next', async () => {
    const { call, end } = await talk({
      noise: [{ fromMs: 15_300, toMs: 15_600 }],
      persona: listener('Yes.'),
      model: [says(LONG)],
    });
    expect(end.transcript.some(({ speaker, text }) => speaker === 'callee' && text === 'Yes.')).toBe(true);
    expect(JSON.stringify(call.requests)).not.toContain('"Yes."');
  });
});

describe('a barge-in while the reply is still being written', () => {
  it('aborts it, and its requests', async () => {
    const aborted: string[] = [];
    const { call, byAgent } = await talk({
      persona: listener('Stop, I know that.'),
      model: [
        async function* (request, signal) {
          signal.addEventListener('abort', () => aborted.push('model'), { once: true });
          yield* says('You can park behind the house. ')(request, signal);
          yield* says('Or you can use the bus that stops right in front of our door.', 700)(request, signal);
        },
        says('All right. Anything else?'),
      ],
    });
    expect(byAgent[1]).toMatchObject({ bargedIn: true });
    expect(aborted).toEqual(['model']);
    expect(call.openRequests).toBe(0);
  });
});

describe('what is told apart', () => {
  const said = 'You can park behind the house or use the bus.';

  it.each(['mhm', 'Uh-huh.', 'Yes, yes.', 'OK', 'I see.', 'Okay, I see.', 'Ja, klar.', 'Ach so.', 'Alles klar'])(
    '"%s" is a backchannel',
    (text) => {
      expect(meaningOf(text, said)).toBe('backchannel');
    },
  );

  it.each([
    'No.',
    'Yes, but',
    'Okay, who is this?',
    'Nein',
    'Wait',
    'Stop calling me',
    'yes yes yes yes yes',
    'I am busy',
    'behind a house',
  ])('"%s" is meant', (text) => {
    expect(meaningOf(text, said)).toBe('meant');
  });

  it.each(['behind the house', 'park behind the house or'])('"%s" is our echo', (text) => {
    expect(meaningOf(text, said)).toBe('echo');
  });

  it.each(['Okay, I', 'all', 'the house'])('"%s" may still become either', (text) => {
    expect(meaningOf(text, said)).toBe('undecided');
  });
});
