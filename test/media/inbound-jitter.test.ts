import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { bytesPerFrame, FRAME_MS } from '../../src/media/frames.ts';
import { createInbound } from '../../src/media/inbound.ts';
import { createEnergySpeechDetector } from '../../src/media/speech-detector-energy.ts';

const RATE = 8_000;
const FRAME = bytesPerFrame(RATE);
/** Synthesized speech: "Hello?", a second of silence, two sentences. */
const callee = readFileSync(new URL('../fixtures/callee-speech.wav', import.meta.url)).subarray(44);
const sent = Array.from({ length: Math.floor(callee.length / FRAME) }, (_, i) => callee.subarray(i * FRAME, (i + 1) * FRAME));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** The callee's frames, each so much later than it was spoken; what has been overtaken arrives together, as over TCP. */
async function arrive(lateMs: (frame: number) => number, isSent: (frame: Buffer) => boolean = () => true) {
  const heard: Buffer[] = [];
  const changes: { change: string; frame: number; atMs: number; lateMs: number }[] = [];
  const detector = createEnergySpeechDetector({ sampleRate: RATE });
  const beganAt = performance.now();
  const inbound = createInbound(FRAME, (frame) => {
    heard.push(Buffer.from(frame));
    const change = detector.push(frame);
    const spokenAt = beganAt + heard.length * FRAME_MS;
    if (change)
      changes.push({ change, frame: heard.length, atMs: performance.now() - beganAt, lateMs: Math.round(performance.now() - spokenAt) });
  });
  let earliest = 0;
  sent.forEach((frame, i) => {
    earliest = Math.max(earliest, (i + 1) * FRAME_MS + lateMs(i));
    if (isSent(frame)) setTimeout(() => inbound.push(frame), earliest);
  });
  await vi.advanceTimersByTimeAsync(earliest);
  inbound.end();
  expect(vi.getTimerCount()).toBe(0);
  return { heard, changes, detected: changes.map(({ change, frame }) => ({ change, frame })) };
}

/** The same every time: from 0 up to `most`. */
const jitter = (most: number) => (frame: number) => ((frame * 7_919) % 101) * (most / 100);

test.each([40, 80, 120])(
  'frames that arrive up to %i ms late are all heard, in order and whole, and speech begins and ends in the same frames',
  async (most) => {
    const even = await arrive(() => 0);
    const { heard, changes, detected } = await arrive(jitter(most));
    expect(Buffer.concat(heard).equals(Buffer.concat(sent))).toBe(true);
    expect(heard.every(({ length }) => length === FRAME)).toBe(true);
    expect(even.detected.length).toBe(4);
    expect(detected).toEqual(even.detected);
    // No later than the frames themselves: nothing waits in a buffer.
    expect(Math.max(...changes.map(({ lateMs }) => lateMs))).toBeLessThanOrEqual(most + 1);
  },
);

test.each([200, 400, 560])(
  'a network that stands still for %i ms, every two seconds, costs no frame and moves no beginning or end',
  async (stallMs) => {
    const even = await arrive(() => 0);
    const { heard, detected } = await arrive((frame) => Math.max(0, stallMs - ((frame * FRAME_MS) % 2_000)));
    expect(heard.length).toBe(sent.length);
    expect(detected).toEqual(even.detected);
  },
);

test('after a network that stood still for three seconds the newest second is heard, not the oldest', async () => {
  const { heard } = await arrive((frame) => Math.max(0, 3_000 - frame * FRAME_MS));
  // By the end of the third second 151 were sent.
  expect(heard[0]?.equals(sent[101] ?? Buffer.alloc(0))).toBe(true);
  expect(heard.length).toBe(sent.length - 101);
});

test('a phone that sends nothing while nobody speaks into it: each time they speak ends all the same, a moment later', async () => {
  const even = await arrive(() => 0);
  const { changes } = await arrive(
    () => 0,
    (frame) => frame.some((_, at) => at % 2 === 0 && Math.abs(frame.readInt16LE(at)) > 100),
  );
  expect(changes.map(({ change }) => change)).toEqual(['speech-start', 'speech-end', 'speech-start', 'speech-end']);
  const laterMs = changes.map(({ atMs }, i) => atMs - (even.changes[i]?.atMs ?? 0));
  expect(Math.max(...laterMs)).toBeLessThanOrEqual(200);
});
