import { describe, expect, it } from 'vitest';
import { createReadyLines } from '../../src/call/ready-lines.ts';
import { serviceError } from '../../src/errors.ts';
import { sleep } from '../../src/sleep.ts';
import { RATE } from './telephone/line.ts';
import { type CallOptions, OPENING } from './telephone/place-call.ts';
import { callsTool, hangs, late, type Script, says } from './telephone/scripts.ts';
import { driveTheClock, rule, talk } from './telephone/talk.ts';

const APOLOGY = 'We are currently experiencing technical difficulties. Please call back later.';
const HOLDING = ['One moment, please.', 'Just a second, please.', 'Please bear with me.'];
const answers = { when: [rule('suit you', 'Yes, it does.')] };
const goodbye = callsTool('end_call', { farewell: 'Goodbye.' });
const broken = serviceError('answered 503', {
  service: 'elevenlabs:text-to-speech',
  code: 'unavailable',
  category: 'transient',
  status: 503,
});

driveTheClock();

async function run(options: CallOptions) {
  const talked = await talk({ linesReady: true, persona: answers, ...options });
  const startOf = (text: string) => talked.end.transcript.find((entry) => entry.text === text)?.atMs ?? Number.NaN;
  return { ...talked, startOf };
}

const mute: NonNullable<CallOptions['textToSpeech']> = async function* () {
  yield* [];
  throw broken;
};

const hangingVoice: CallOptions['textToSpeech'] = async function* (_text, _ordinary, signal) {
  yield* [];
  await sleep(3_600_000, signal);
};

/** The longest time between two words at the callee's ear. Their own words take up a part of one of them. */
function longestSilenceMs({ heard }: { heard: readonly { startMs: number; endMs: number }[] }): number {
  const gaps = heard.map(({ startMs }, i) => startMs - (heard[i - 1]?.endMs ?? 0));
  return Math.max(...gaps);
}

describe('a reply that is late', () => {
  it('is announced by a holding line, then heard whole', async () => {
    const { call, agent, end, startOf } = await run({ model: [late(3_000, says('Very good. See you then.')), goodbye] });
    expect(agent.slice(1, 3)).toEqual(['One moment, please.', 'Very good. See you then.']);
    expect(call.person.heardText.startsWith(`${OPENING} One moment, please. Very good. See you then.`)).toBe(true);
    const answeredMs = end.transcript.find(({ speaker }) => speaker === 'callee')?.atMs ?? 0;
    // They speak for a second, and are waited for half a second.
    expect(startOf('One moment, please.') - answeredMs).toBeLessThan(5_000);
  });

  it('that comes at once is not announced', async () => {
    const { agent } = await run({ model: [late(800, says('Very good.')), goodbye] });
    expect(agent[1]).toBe('Very good.');
  });

  it('is announced once in six seconds at most, by another line each time', async () => {
    const { agent, startOf } = await run({ model: [late(10_500, says('Very good.')), goodbye] });
    expect(agent.slice(1, 4)).toEqual([HOLDING[0], HOLDING[1], 'Very good.']);
    expect(startOf(HOLDING[1] ?? '') - startOf(HOLDING[0] ?? '')).toBeGreaterThanOrEqual(6_000);
  });

  it('is announced in the language of the campaign', async () => {
    const { agent } = await run({ campaign: { language: 'de-DE' }, model: [late(3_000, says('Gut.')), goodbye] });
    expect(agent[1]).toBe('Einen Moment, bitte.');
  });

  it('is announced while text-to-speech is what it waits for, in front of the sentence', async () => {
    const { agent, call } = await run({
      model: [says('Very good.'), goodbye],
      textToSpeech: async function* (_text, ordinary) {
        await sleep(2_500);
        yield* ordinary;
      },
    });
    expect(agent[1]).toBe('One moment, please.');
    expect(agent[2]).toBe('Very good.');
    expect(call.person.heardText).toContain('One moment, please. Very good.');
  });

  it('is thought of anew when the callee has something to add to our holding line', async () => {
    const { agent, call } = await run({
      persona: { when: [rule('suit you', 'Yes.'), rule('moment', 'Take your time.')] },
      model: [late(4_000, says('Thanks.')), says('Thank you.'), goodbye],
    });
    expect(agent).toContain('Thank you.');
    expect(call.person.heardText).not.toContain('Thanks.');
  });

  it('is not announced over a callee who makes a sound', async () => {
    const lateVoice: CallOptions['textToSpeech'] = async function* (_text, ordinary) {
      await sleep(8_000);
      yield* ordinary;
    };
    const quiet = await run({ model: [goodbye], textToSpeech: lateVoice });
    const heldAtMs = quiet.startOf(HOLDING[0] ?? '');
    const noise = [{ fromMs: heldAtMs - 700, toMs: heldAtMs + 2_000 }];
    const { startOf } = await run({ model: [goodbye], textToSpeech: lateVoice, noise });
    expect(startOf(HOLDING[0] ?? '')).toBeGreaterThan(heldAtMs + 2_000);
  });

  it('of several sentences is announced again when it falters in the middle', async () => {
    const falters: Script = async function* (_request, signal) {
      yield { type: 'text', delta: 'Very good. So I will ' };
      await sleep(5_000, signal);
      yield { type: 'text', delta: 'see you then.' };
    };
    const { call } = await run({ model: [falters, goodbye] });
    expect(call.person.heardText).toContain('Very good. One moment, please. So I will see you then.');
  });
});

describe('when patience is spent', () => {
  it('the callee hears why, and the call has failed naming the language model', async () => {
    const { end, agent, call } = await run({ model: [hangs] });
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'language-model', code: 'patience-spent' } });
    expect(agent.slice(1)).toEqual([HOLDING[0], HOLDING[1], APOLOGY]);
    expect(call.person.heardText).toBe([OPENING, HOLDING[0], HOLDING[1], APOLOGY].join(' '));
    expect(longestSilenceMs(call.person)).toBeLessThan(8_000);
  });

  it.each([
    ['is down', mute, 'elevenlabs:text-to-speech'],
    ['hangs', hangingVoice, 'text-to-speech'],
  ])('the callee hears the apology also while text-to-speech %s', async (_, textToSpeech, service) => {
    const { end, agent, call } = await run({ model: [says('Very good.')], textToSpeech });
    expect(end).toMatchObject({ disposition: 'failed', error: { service } });
    expect(agent.at(-1)).toBe(APOLOGY);
    expect(call.person.heardText.endsWith(APOLOGY)).toBe(true);
  });

  it('it was as long as CALLEE_PATIENCE says', async () => {
    const { end, startOf } = await run({ model: [hangs], calleePatienceMs: 5_000 });
    expect(startOf(APOLOGY) - startOf(HOLDING[0] ?? '')).toBeLessThan(6_000);
    expect(end.disposition).toBe('failed');
  });

  it('a callee for whom no line could be rendered is not left in silence for more than ten seconds', async () => {
    const { call, agent } = await run({ model: [hangs], linesReady: false });
    expect(agent.at(-1)).toBe(APOLOGY);
    const words = call.person.heard;
    const before = words.findLastIndex(({ text }) => text === 'you?');
    // Their own answer takes three seconds of it.
    expect((words[before + 1]?.startMs ?? 0) - (words[before]?.endMs ?? 0)).toBeLessThan(15_000);
  });

  it('a sentence that breaks off is heard up to there, then the apology', async () => {
    const { call, end } = await run({
      model: [says('We are looking forward to seeing you on Tuesday at noon in our practice.')],
      textToSpeech: async function* (_text, ordinary) {
        let bytes = 0;
        for await (const pcm of ordinary) {
          yield pcm;
          bytes += pcm.length;
          if (bytes > 40_000) throw broken;
        }
      },
    });
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'elevenlabs:text-to-speech' } });
    expect(call.person.heardText).toMatch(
      /suit you\? We are looking .*We are currently experiencing technical difficulties\. Please call back later\.$/,
    );
    expect(call.person.heardText).not.toContain('practice. We');
  });
});

describe('last words that can not be spoken', () => {
  it('are replaced by the apology', async () => {
    const { end, call } = await run({ model: [goodbye], textToSpeech: mute });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText).toBe(`${OPENING} ${APOLOGY}`);
  });

  it('are there all the same for somebody who does not want to be called again', async () => {
    const { end, call } = await run({ persona: { when: [rule('.', 'Please stop calling me.')] }, textToSpeech: mute });
    expect(end.disposition).toBe('opted-out');
    expect(call.person.heardText.endsWith('Understood, we will not call you again. Goodbye.')).toBe(true);
  });

  it('that hang are given up, and announced meanwhile', async () => {
    const { end, call } = await run({ model: [goodbye], textToSpeech: hangingVoice });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText).toBe([OPENING, HOLDING[0], HOLDING[1], APOLOGY].join(' '));
  });
});

describe('speech-to-text that is lost while the phone rings, with everything else down', () => {
  const deaf = {
    deafAtMs: 0,
    deafBecause: serviceError('closed', { service: 'elevenlabs:speech-to-text', code: 'closed', category: 'transient' }),
  };
  const allDown = { ...deaf, model: [hangs], textToSpeech: mute };

  it('is apologised for within two seconds of the answer', async () => {
    const { end, call } = await run(allDown);
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'elevenlabs:speech-to-text' } });
    expect(call.person.heardText).toBe(APOLOGY);
    expect(call.soundAtMs).toBeLessThan(2_000);
  });

  it('is apologised for by the shipped recording where nothing could ever be rendered', async () => {
    const store = createReadyLines({
      textToSpeech: { synthesize: () => mute('', [] as never, AbortSignal.abort()) },
      sampleRate: RATE,
      folder: '/nonexistent',
      log: { warn() {} },
    });
    const { end, agent, call } = await run({ ...allDown, linesReady: store.of({ language: 'en-US', voice: 'v1' }) });
    expect(end.disposition).toBe('failed');
    expect(agent).toEqual([APOLOGY]);
    expect(call.soundAtMs).toBeLessThan(2_000);
    expect(end.tookMs).toBeGreaterThan(5_000);
  });
});
