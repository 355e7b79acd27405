import Table from 'cli-table3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchAnswer } from '../../src/conversation/answered-by.ts';
import { createEar } from '../../src/conversation/listening.ts';
import { machineWords } from '../../src/conversation/machine-phrases.ts';
import { createToneEar, type SteadyTone } from '../../src/conversation/steady-tone.ts';
import type { MediaLeg, SpeechChange } from '../../src/media/media-leg.ts';
import { createEnergySpeechDetector } from '../../src/media/speech-detector-energy.ts';
import { createRecordingListener } from '../../src/sandbox/voice/known-recordings.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import type { SpeechToText } from '../../src/services/speech-to-text.ts';
import { loadOpenings, type Opening } from './openings.ts';

const RATE = 8_000;
const FRAME = RATE / 25;
const openings = loadOpenings();

function framesOf(pcm: Buffer, frameBytes = FRAME): Buffer[] {
  const padded = Buffer.concat([pcm, Buffer.alloc(frameBytes - 1)]);
  return Array.from({ length: Math.floor(padded.length / frameBytes) }, (_, i) => padded.subarray(i * frameBytes, (i + 1) * frameBytes));
}

/** Understands the recordings by their fingerprints, as the word is spoken. */
const speechToText: SpeechToText = {
  async open({ onInterim, onFinal }) {
    const listener = createRecordingListener(openings, RATE);
    let words: string[] = [];
    return {
      send(pcm) {
        const heard = listener.push(pcm);
        words.push(...heard.map(({ text }) => text));
        if (heard.length > 0) onInterim(words.join(' '));
      },
      commit() {
        const text = words.join(' ');
        words = [];
        onFinal(text);
      },
      close() {},
    };
  },
};

/** Lets somebody pick up, and returns who or what we took them for, what we understood, and when we knew. */
async function pickUp({ pcm }: Pick<Opening, 'pcm'>) {
  const listeners = new Set<(frame: Buffer, speech?: SpeechChange) => void>();
  const leg = {
    sampleRate: RATE,
    pauseOnSpeech() {},
    onFrame(listener: (frame: Buffer, speech?: SpeechChange) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  } as Partial<MediaLeg> as MediaLeg;
  const over = new AbortController();
  let ms = 0;
  let spoke = false;
  const texts: string[] = [];
  const detector = createEnergySpeechDetector({ sampleRate: RATE });
  const ear = createEar({ leg, speechToText, language: 'en-US', now: () => ms, signal: over.signal });
  await ear.ready;
  ear.start();
  ear.onSound((sound) => {
    spoke = true;
    if (sound.kind === 'words') texts.push(sound.text);
  });
  const watch = watchAnswer({ ear, leg, settled: () => false, signal: over.signal });
  let knownAfterMs: number | undefined;
  for (const frame of [...framesOf(pcm), ...framesOf(Buffer.alloc(RATE * 2 * 2))]) {
    ms += 20;
    const change = detector.push(frame);
    const speech = change && { change, at: performance.now(), paused: false };
    for (const listener of [...listeners]) listener(frame, speech);
    if (watch.machine !== undefined) knownAfterMs ??= ms;
    vi.advanceTimersByTime(20);
  }
  const taken = watch.machine ?? (spoke ? 'human' : 'silent');
  over.abort();
  return { taken, knownAfterMs, text: texts.at(-1) ?? '' };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('recorded openings', () => {
  it('no human is called a machine, and nine of ten machines are found', async () => {
    const kinds = ['human', 'silent', 'voicemail', 'screening', 'ivr', 'fax'] as const;
    const results: (Opening & { taken: string; text: string })[] = [];
    for (const opening of openings) results.push({ ...opening, ...(await pickUp(opening)) });
    const table = new Table({ head: ['is \\ taken for', ...kinds], style: { head: [], border: [] } });
    for (const is of kinds) {
      table.push([is, ...kinds.map((taken) => results.filter((result) => result.is === is && result.taken === taken).length)]);
    }
    console.log(table.toString());
    const wrong = results
      .filter(({ is, taken }) => is !== taken)
      .map(({ file, is, taken, text }) => `${file}: ${is} as ${taken} (${text})`);
    console.log(wrong.join('\n'));

    const people = results.filter(({ is }) => is === 'human' || is === 'silent');
    const machines = results.filter(({ is }) => is !== 'human' && is !== 'silent');
    expect(people.length).toBeGreaterThanOrEqual(14);
    expect(people.filter(({ taken }) => taken !== 'human' && taken !== 'silent')).toEqual([]);
    expect(machines.length).toBeGreaterThanOrEqual(16);
    expect(machines.filter(({ is, taken }) => is === taken).length / machines.length).toBeGreaterThanOrEqual(0.9);
    expect(results.filter(({ is }) => is === 'silent').map(({ taken }) => taken)).toEqual(['silent', 'silent']);
  });

  it.each(openings.filter(({ text, is }) => text !== '' && is !== 'voicemail').map(({ file, text }) => [file, text]))(
    '%s is understood by its sound as "%s"',
    async (file) => {
      const opening = openings.find((other) => other.file === file);
      if (opening === undefined) throw new Error(file);
      const listener = createRecordingListener(openings, RATE);
      const words = framesOf(Buffer.concat([opening.pcm, Buffer.alloc(RATE * 2)])).flatMap((frame) => listener.push(frame));
      expect(words.map(({ text }) => text).join(' ')).toBe(opening.text);
    },
  );
});

describe('a beep', () => {
  const sine = (parts: readonly number[], ms: number, level = 8_000, sampleRate = RATE) => {
    const pcm = Buffer.alloc(Math.round((ms * sampleRate) / 1000) * 2);
    for (let i = 0; i * 2 < pcm.length; i++) {
      const value = parts.reduce((sum, hz) => sum + Math.sin((2 * Math.PI * hz * i) / sampleRate), 0);
      pcm.writeInt16LE(Math.round((level / parts.length) * value), i * 2);
    }
    return pcm;
  };
  const tonesIn = (pcm: Buffer, sampleRate = RATE): SteadyTone[] => {
    const ear = createToneEar(sampleRate);
    return framesOf(Buffer.concat([pcm, Buffer.alloc(sampleRate / 5)]), sampleRate / 25).flatMap((frame) => ear.push(frame) ?? []);
  };

  it.each([400, 440, 523, 620, 787, 850, 1_000, 1_237, 1_400, 1_633, 2_000, 2_100])('of %i Hz is heard at its pitch', (hz) => {
    for (const sampleRate of [8_000, 16_000]) {
      const [tone, ...more] = tonesIn(sine([hz], 300, 8_000, sampleRate), sampleRate);
      expect(more).toEqual([]);
      expect(Math.abs((tone?.hz ?? 0) - hz)).toBeLessThan(15);
      expect(tone?.ms).toBeGreaterThan(250);
    }
  });

  it('is not the key of a phone, which is two pitches', () => {
    expect(tonesIn(sine([770, 1_336], 400))).toEqual([]);
  });

  it('is not a tune, whose pitches change', () => {
    const tune = [500, 800, 1_100, 600, 900, 700].flatMap((hz) => [sine([hz], 60), sine([hz + 150], 60)]);
    expect(tonesIn(Buffer.concat(tune))).toEqual([]);
  });

  it('is not a click, and not silence', () => {
    expect(tonesIn(sine([1_000], 80))).toEqual([]);
    expect(tonesIn(sine([1_000], 400, 60))).toEqual([]);
  });

  it.each([8_000, 16_000])('is never in what the voice of the sandbox says, at %i Hz', (sampleRate) => {
    const text = 'Hello, this is a test of every letter: the quick brown fox jumps over the lazy dog. Zzzz aaaa eeee 1111 0000 ÄÖÜ!';
    expect(tonesIn(speak(text, sampleRate), sampleRate)).toEqual([]);
  });

  it.each(openings.filter(({ is, text }) => is === 'human' || (is === 'ivr' && text !== '')).map(({ file }) => file))(
    'is not in the speech of %s',
    (file) => {
      expect(tonesIn(openings.find((opening) => opening.file === file)?.pcm ?? Buffer.alloc(0))).toEqual([]);
    },
  );
});

describe('words', () => {
  it.each([
    ['Would you like to leave a message?', undefined],
    ['Can I take a message?', undefined],
    ['I left you a voicemail yesterday.', undefined],
    ['Please call back tomorrow, he is in a meeting.', undefined],
    ['May I ask who is calling?', undefined],
    ['Bitte rufen Sie später an.', undefined],
    ['Wie war Ihr Name?', undefined],
    ['Sorry, could you say your company again?', undefined],
    ['Please leave your message after the beep.', 'voicemail'],
    ['To leave a voice message, press one.', 'ivr'],
    ['Leave a message after the tone, or press one for more options.', 'voicemail'],
    ['The number you have dialed is not in service.', 'voicemail'],
    ['Sie sind mit der Mailbox von Anna verbunden.', 'voicemail'],
    ['Please say your name and why you are calling.', 'screening'],
  ])('"%s" says: %s', (text, verdict) => {
    expect(machineWords(text)).toBe(verdict);
  });
});
