import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createEnergySpeechDetector } from '../../src/media/speech-detector-energy.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';

/** Synthesized speech at 8 kHz: silence, "Hello?" from 1000 to 1507 ms, silence, two sentences from 2507 to 6130 ms, silence to 7130 ms. */
const callee = readFileSync(new URL('../fixtures/callee-speech.wav', import.meta.url)).subarray(44);

type Change = { change: 'speech-start' | 'speech-end'; atMs: number };

function detect(pcm: Buffer, sampleRate = 8000, options: { startMs?: number; silenceMs?: number } = {}): Change[] {
  const detector = createEnergySpeechDetector({ sampleRate, ...options });
  const frameBytes = sampleRate / 25;
  const changes: Change[] = [];
  for (let at = 0; at + frameBytes <= pcm.length; at += frameBytes) {
    const change = detector.push(pcm.subarray(at, at + frameBytes));
    if (change) changes.push({ change, atMs: ((at + frameBytes) / frameBytes) * 20 });
    if (change) expect(detector.speaking).toBe(change === 'speech-start');
  }
  return changes;
}

/** The same sound at a multiple of the rate. */
function faster(pcm: Buffer, times: number): Buffer {
  const out = Buffer.alloc(pcm.length * times);
  for (let i = 0; i < pcm.length / 2; i++) {
    const here = pcm.readInt16LE(i * 2);
    const next = pcm.readInt16LE(Math.min(i + 1, pcm.length / 2 - 1) * 2);
    for (let k = 0; k < times; k++) out.writeInt16LE(Math.round(here + ((next - here) * k) / times), (i * times + k) * 2);
  }
  return out;
}

/** Adds white noise of a loudness in dBFS, the same every time. */
function withNoise(pcm: Buffer, db: number, offset = 0): Buffer {
  const amplitude = 32_768 * 10 ** (db / 20) * Math.sqrt(3);
  const out = Buffer.from(pcm);
  let seed = 1;
  for (let i = 0; i < out.length; i += 2) {
    seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
    const noisy = pcm.readInt16LE(i) + offset + amplitude * (seed / 2 ** 31 - 1);
    out.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(noisy))), i);
  }
  return out;
}

const silence = (ms: number) => Buffer.alloc(ms * 16);
const near = (atMs: number, earlierMs: number, laterMs: number) =>
  expect.toSatisfy((value: number) => value >= atMs - earlierMs && value <= atMs + laterMs);

/** Two says: "Hello?" and what follows. */
const BOTH = [
  { change: 'speech-start', atMs: near(1_100, 20, 100) },
  { change: 'speech-end', atMs: near(2_007, 60, 60) },
  { change: 'speech-start', atMs: near(2_607, 20, 100) },
  { change: 'speech-end', atMs: near(6_630, 250, 60) },
];

describe('a person speaks', () => {
  test.each([8_000, 16_000, 24_000])('each say begins and ends when it does, at %i Hz', (rate) => {
    expect(detect(faster(callee, rate / 8_000), rate)).toEqual(BOTH);
  });

  test.each([-60, -50, -40])('with noise of %i dBFS on the line too', (db) => {
    expect(detect(withNoise(callee, db))).toEqual(BOTH);
  });

  test('a voice that hardly rises above an even hiss is heard from its first word on', () => {
    const changes = detect(withNoise(Buffer.concat([silence(2_000), callee]), -29));
    const starts = changes.filter(({ change }) => change === 'speech-start').map(({ atMs }) => atMs);
    expect(starts.slice(0, 3)).toEqual([
      expect.any(Number), // the hiss itself, until it is known
      near(3_100, 20, 200),
      near(4_607, 20, 200),
    ]);
  });

  test('an offset of the converter is not sound', () => {
    expect(detect(withNoise(callee, -50, 3_000))).toEqual(BOTH);
  });

  test('a soft voice is heard', () => {
    const soft = Buffer.from(callee);
    for (let i = 0; i < soft.length; i += 2) soft.writeInt16LE(Math.round(callee.readInt16LE(i) / 8), i);
    expect(detect(soft)[0]).toEqual({ change: 'speech-start', atMs: near(1_100, 20, 150) });
  });

  test('a "Hello?" in the very first frame counts', () => {
    expect(detect(callee.subarray(1_000 * 16))[0]).toEqual({ change: 'speech-start', atMs: near(100, 0, 60) });
  });

  test('a longer hang-over joins what a shorter one tells apart', () => {
    expect(detect(callee, 8_000, { silenceMs: 950 }).map(({ change }) => change)).toEqual([
      'speech-start',
      'speech-end',
      'speech-start',
      'speech-end',
    ]);
    expect(detect(callee, 8_000, { silenceMs: 1_100 }).map(({ change }) => change)).toEqual(['speech-start']);
  });
});

describe('nobody speaks', () => {
  test('silence and steady noise are not speech', () => {
    expect(detect(silence(10_000))).toEqual([]);
    expect(detect(withNoise(silence(10_000), -42))).toEqual([]);
  });

  test('a loud noise that begins and stays is taken for speech for some seconds only', () => {
    const changes = detect(Buffer.concat([silence(5_000), withNoise(silence(10_000), -35)]));
    expect(changes).toEqual([
      { change: 'speech-start', atMs: near(5_100, 0, 60) },
      { change: 'speech-end', atMs: near(7_500, 200, 200) },
    ]);
  });

  test('the noise that a line has from its first frame on is known after a second', () => {
    expect(detect(withNoise(silence(10_000), -32))).toEqual([
      { change: 'speech-start', atMs: near(100, 0, 40) },
      { change: 'speech-end', atMs: near(1_200, 100, 60) },
    ]);
  });

  test('a click is not a beginning, and does not hold up an end', () => {
    const click = withNoise(silence(40), -10);
    expect(detect(Buffer.concat([silence(2_000), click, silence(2_000)]))).toEqual([]);
    const word = callee.subarray(1_000 * 16, 1_500 * 16);
    const changes = detect(Buffer.concat([silence(1_000), word, silence(300), click, silence(1_000)]));
    expect(changes.at(-1)).toEqual({ change: 'speech-end', atMs: near(2_000, 60, 60) });
  });
});

test("the sandbox's voice is one say from its first tone to its last, however long", () => {
  const voice = speak(
    'This is a rather long sentence that goes on and on without any pause at all, so that nobody can breathe in it. And another one.',
    8_000,
  );
  const voiceMs = voice.length / 16;
  expect(voiceMs).toBeGreaterThan(8_000);
  for (const noise of [-90, -40]) {
    expect(detect(withNoise(Buffer.concat([silence(1_000), voice, silence(1_000)]), noise))).toEqual([
      { change: 'speech-start', atMs: near(1_100, 0, 40) },
      { change: 'speech-end', atMs: near(1_500 + voiceMs, 40, 60) },
    ]);
  }
});
