import { describe, expect, it, vi } from 'vitest';
import type { CalleeTurn } from '../../src/conversation/callee-turns.ts';
import { createEarlyReplies } from '../../src/conversation/early-reply.ts';
import { ENDPOINT_DELAYS_MS } from '../../src/conversation/endpointing.ts';
import { type CalleeSound, createEar } from '../../src/conversation/listening.ts';
import { startReply } from '../../src/conversation/reply.ts';
import type { MediaLeg, SpeechChange } from '../../src/media/media-leg.ts';
import type { LanguageModel } from '../../src/services/language-model.ts';
import type { SpeechToTextOptions } from '../../src/services/speech-to-text.ts';
import { driveTheClock } from './telephone/talk.ts';

/** From the commit to the final transcript. Milliseconds. */
const FINAL_MS = 100;

driveTheClock();

/** An ear on a line where somebody says what the test says, and a model that is asked early. */
async function listen({ losesFinals = false, early = [] as Buffer[] } = {}) {
  const over = new AbortController();
  const frames = new Set<(frame: Buffer, speech?: SpeechChange) => void>();
  const leg: Pick<MediaLeg, 'sampleRate' | 'onFrame' | 'pauseOnSpeech' | 'resume'> = {
    sampleRate: 8_000,
    onFrame(listener) {
      frames.add(listener);
      return () => void frames.delete(listener);
    },
    pauseOnSpeech() {},
    resume() {},
  };
  let heard: SpeechToTextOptions | undefined;
  let spoken = '';
  let distrusted = 0;
  const sent: Buffer[] = [];
  const ear = createEar({
    leg: leg as MediaLeg,
    speechToText: {
      async open(options) {
        heard = options;
        return {
          send: (pcm) => void sent.push(pcm),
          commit() {
            const text = spoken;
            if (losesFinals) return;
            setTimeout(() => options.onFinal(text), FINAL_MS);
          },
          distrust: () => void distrusted++,
          close() {},
        };
      },
    },
    language: 'en-US',
    now: () => performance.now(),
    signal: over.signal,
  });
  await ear.ready;
  for (const frame of early) for (const listener of [...frames]) listener(frame);
  ear.start();
  const told: CalleeSound[] = [];
  ear.onSound((sound) => told.push(sound));

  const asked: string[] = [];
  const aborted: string[] = [];
  const languageModel: LanguageModel = {
    async *respond({ messages }, signal) {
      const last = messages.at(-1);
      const text = last && 'text' in last ? last.text : '';
      asked.push(text);
      signal.addEventListener('abort', () => aborted.push(text), { once: true });
      yield { type: 'text', delta: 'Fine. ' };
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    },
  };
  const earlyReplies = createEarlyReplies({
    ear,
    begin: (text, signal) =>
      startReply({
        languageModel,
        request: { instructions: '', messages: [{ role: 'user', text }], tools: [] },
        language: 'en-US',
        signal,
        now: () => performance.now(),
      }),
    signal: over.signal,
  });
  earlyReplies.listen();

  const change = (what: SpeechChange['change']) => {
    for (const listener of [...frames]) listener(Buffer.alloc(320), { change: what, at: performance.now(), paused: false });
  };
  let turn: CalleeTurn | undefined;
  let turnAfterMs = 0;
  const begun = performance.now();
  const turns = ear.turn({ silenceMs: 60_000, signal: over.signal }).then(
    (result) => {
      turn = result;
      turnAfterMs = performance.now() - begun;
    },
    () => {},
  );
  return {
    early: earlyReplies,
    told,
    sent,
    asked,
    aborted,
    get turn() {
      return turn;
    },
    get distrusted() {
      return distrusted;
    },
    finalComes: () => heard?.onFinal(spoken),
    get halfHeard() {
      return ear.halfHeard;
    },
    get turnAfterMs() {
      return turnAfterMs;
    },
    /** Says this, and is silent long enough for the detector. */
    async says(text: string) {
      change('speech-start');
      if (text !== '') heard?.onInterim(text);
      spoken = text;
      await vi.advanceTimersByTimeAsync(1_000);
      change('speech-end');
    },
    wait: (ms: number) => vi.advanceTimersByTimeAsync(ms),
    async hangUp() {
      over.abort(new Error('hung up'));
      await turns;
      await vi.advanceTimersByTimeAsync(FINAL_MS);
    },
  };
}

it('hears what somebody says as they pick up, in order, before what comes next', async () => {
  const hello = [1, 2, 3].map((value) => Buffer.alloc(320, value));
  const line = await listen({ early: hello });
  await line.says('');
  expect(line.sent.slice(0, 3)).toEqual(hello);
  expect(line.sent.length).toBeGreaterThan(3);
  await line.hangUp();
});

describe('the end of a turn', () => {
  it('comes at once after a finished sentence', async () => {
    const line = await listen();
    await line.says('That suits me.');
    await line.wait(FINAL_MS);
    expect(line.turn).toMatchObject({ kind: 'said', text: 'That suits me.' });
    expect(line.turnAfterMs).toBe(1_000 + FINAL_MS);
    await line.hangUp();
  });

  it('comes a breath later after one that has no full stop', async () => {
    const line = await listen();
    await line.says('that suits me');
    await line.wait(ENDPOINT_DELAYS_MS.open - 1);
    expect(line.turn).toBeUndefined();
    await line.wait(1);
    expect(line.turn).toMatchObject({ text: 'that suits me' });
    await line.hangUp();
  });

  it('is not taken for one in the middle of a number that is read out', async () => {
    const line = await listen();
    await line.says('It is zero one');
    await line.wait(ENDPOINT_DELAYS_MS.unfinished - 100);
    expect(line.turn).toBeUndefined();
    await line.says('seven one.');
    await line.wait(ENDPOINT_DELAYS_MS.unfinished);
    expect(line.turn).toMatchObject({ text: 'It is zero one seven one.' });
    await line.hangUp();
  });
});

describe('words of which speech-to-text never says that they are final', () => {
  it('are answered as they were understood', async () => {
    const line = await listen({ losesFinals: true });
    await line.says('No.');
    await line.wait(3_000);
    expect(line.turn).toMatchObject({ kind: 'said', text: 'No.' });
    // Not said twice when it comes after all.
    const told = line.told.length;
    line.finalComes();
    expect([line.halfHeard, line.told.slice(told)]).toEqual([undefined, []]);
    await line.hangUp();
  });
});

describe('thinking early', () => {
  it('asks the model before the turn is decided, and keeps the reply when it was all', async () => {
    const line = await listen();
    await line.says('that suits me');
    expect(line.asked).toEqual(['that suits me']);
    expect(line.turn).toBeUndefined();
    await line.wait(ENDPOINT_DELAYS_MS.open);
    const taker = new AbortController();
    const reply = line.early.take('That suits me.', taker.signal);
    expect(reply?.times.askedMs).toBeLessThanOrEqual(performance.now() - ENDPOINT_DELAYS_MS.open);
    line.early.drop();
    expect(line.aborted).toEqual([]);
    // From now on it ends with whoever has taken it.
    taker.abort(new Error('barge-in'));
    expect(line.aborted).toEqual(['that suits me']);
    await line.hangUp();
  });

  it('is dropped, request and all, at the first word more', async () => {
    const line = await listen();
    await line.says('that suits me');
    await line.wait(FINAL_MS);
    const saying = line.says('if it is in the morning.');
    // At the word, not at the end of it all.
    expect(line.aborted).toEqual(['that suits me']);
    await saying;
    await line.wait(FINAL_MS);
    expect(line.aborted).toEqual(['that suits me']);
    expect(line.asked.at(-1)).toBe('that suits me if it is in the morning.');
    expect(line.early.take('that suits me', new AbortController().signal)).toBeUndefined();
    await line.hangUp();
  });

  it('is left alone while somebody is in the middle of a sentence, or wants to be left alone', async () => {
    const line = await listen();
    await line.says('I would like to');
    expect(line.asked).toEqual([]);
    await line.hangUp();
    const other = await listen();
    await other.says('Stop calling me.');
    expect(other.asked).toEqual([]);
    await other.hangUp();
  });

  it('ends with the call', async () => {
    const line = await listen();
    await line.says('that suits me');
    await line.hangUp();
    expect(line.aborted).toEqual(['that suits me']);
  });
});

describe('a speech-to-text that takes everything and returns no words', () => {
  it('is distrusted after the third say', async () => {
    const line = await listen();
    for (let say = 1; say <= 3; say++) {
      expect(line.distrusted).toBe(0);
      await line.says('');
      await line.wait(FINAL_MS);
    }
    expect(line.distrusted).toBe(1);
    await line.hangUp();
  });

  it('is none that has understood something before', async () => {
    const line = await listen();
    await line.says('Yes.');
    for (let say = 1; say <= 6; say++) {
      await line.wait(FINAL_MS);
      await line.says('');
    }
    await line.wait(FINAL_MS);
    expect(line.distrusted).toBe(0);
    await line.hangUp();
  });
});
