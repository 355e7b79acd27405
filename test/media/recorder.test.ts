import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createRecorder } from '../../src/media/recorder.ts';

const RATE = 8000;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recorder-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** `ms` of PCM in which every sample has the value `level`. */
function level(ms: number, value: number): Buffer {
  return Buffer.from(new Int16Array((ms * RATE) / 1000).fill(value).buffer);
}

interface Wav {
  declaredBytes: number;
  /** What stands at a millisecond: [agent, callee]. */
  at(ms: number): [number, number];
  durationMs: number;
}

async function read(path: string): Promise<Wav> {
  const file = await readFile(path);
  expect(file.toString('latin1', 0, 4) + file.toString('latin1', 8, 16) + file.toString('latin1', 36, 40)).toBe('RIFFWAVEfmt data');
  expect([file.readUInt16LE(20), file.readUInt16LE(22), file.readUInt32LE(24), file.readUInt16LE(32), file.readUInt16LE(34)]).toEqual([
    1,
    2,
    RATE,
    4,
    16,
  ]);
  const declaredBytes = file.readUInt32LE(40);
  expect(file.readUInt32LE(4)).toBe(declaredBytes + 36);
  expect(file.length).toBeGreaterThanOrEqual(44 + declaredBytes);
  const offset = (ms: number) => 44 + Math.round((ms * RATE) / 1000) * 4;
  return {
    declaredBytes,
    at: (ms) => [file.readInt16LE(offset(ms)), file.readInt16LE(offset(ms) + 2)],
    durationMs: (declaredBytes / 4 / RATE) * 1000,
  };
}

/** A recorder whose clock the test drives. */
function recorder(name: string) {
  let clock = 5_000;
  const path = join(folder, 'deeper', `${name}.wav`);
  const made = createRecorder({ path, sampleRate: RATE, now: () => clock });
  return {
    path,
    ...made,
    wait: (ms: number) => {
      clock += ms;
    },
    /** The callee says something, frame by frame, as time passes. */
    calleeSays(ms: number, value: number, meanwhile?: (atMs: number) => void) {
      for (let at = 20; at <= ms; at += 20) {
        clock += 20;
        made.callee(level(20, value));
        meanwhile?.(at);
      }
    },
  };
}

test('the agent is on the left, the callee on the right, each where it was heard', async () => {
  const call = recorder('both');
  call.calleeSays(6_000, 7, (at) => {
    // Heard from 1000 to 1500 ms; told in pieces of 100 ms when each was over.
    if (at > 1_000 && at <= 1_500 && at % 100 === 0) call.agent(level(100, 5));
  });
  expect(await call.close()).toEqual({ durationMs: 6_000 });
  const wav = await read(call.path);
  expect(wav.durationMs).toBe(6_000);
  expect([0, 990, 1_001, 1_250, 1_499, 1_510, 5_990].map((ms) => wav.at(ms))).toEqual([
    [0, 7],
    [0, 7],
    [5, 7],
    [5, 7],
    [5, 7],
    [0, 7],
    [0, 7],
  ]);
});

test('a silent line leaves silence of the right length, for an hour too', async () => {
  const call = recorder('pause');
  call.calleeSays(100, 7);
  call.wait(3_600_000);
  call.calleeSays(100, 9);
  call.wait(10_000);
  call.agent(level(100, 5));
  expect(await call.close()).toEqual({ durationMs: 3_610_200 });
  const wav = await read(call.path);
  expect([50, 2_000, 3_600_150, 3_605_000, 3_610_150].map((ms) => wav.at(ms))).toEqual([
    [0, 7],
    [0, 0],
    [0, 9],
    [0, 0],
    [5, 0],
  ]);
  // Silence is a hole in the file.
  expect((await stat(call.path)).blocks * 512).toBeLessThan(1_000_000);
});

test('audio that a stall held up lands where it was said', async () => {
  const call = recorder('stall');
  call.calleeSays(3_000, 7);
  call.wait(800);
  for (let i = 0; i < 40; i++) call.callee(level(20, 8));
  call.agent(level(300, 4));
  call.agent(level(100, 5));
  call.calleeSays(200, 9);
  expect(await call.close()).toEqual({ durationMs: 4_000 });
  const wav = await read(call.path);
  expect([2_990, 3_010, 3_410, 3_690, 3_710, 3_790, 3_810, 3_990].map((ms) => wav.at(ms))).toEqual([
    [0, 7],
    [0, 8],
    [4, 8],
    [4, 8],
    [5, 8],
    [5, 8],
    [0, 9],
    [0, 9],
  ]);
});

test('jitter tears no holes', async () => {
  const call = recorder('jitter');
  for (let i = 0; i < 50; i++) {
    call.wait([20, 45, 7, 8][i % 4] ?? 0);
    call.callee(level(20, i + 1));
  }
  await call.close();
  const wav = await read(call.path);
  expect(Array.from({ length: 50 }, (_, i) => wav.at(i * 20 + 10)[1])).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
});

test('a stall whose audio comes in several bursts tears no word apart', async () => {
  const call = recorder('torn-stall');
  const said = (frames: number, from: number) => {
    for (let i = 0; i < frames; i++) call.callee(level(20, from + i));
  };
  for (let i = 0; i < 50; i++) {
    call.wait(20);
    said(1, i + 1);
  }
  // Half a second without us; then another process has the processor in the middle of our catching up.
  call.wait(500);
  said(5, 51);
  call.wait(40);
  said(22, 56);
  for (let i = 0; i < 23; i++) {
    call.wait(20);
    said(1, 78 + i);
  }
  expect(await call.close()).toEqual({ durationMs: 2_000 });
  const wav = await read(call.path);
  expect(Array.from({ length: 100 }, (_, i) => wav.at(i * 20 + 10)[1])).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

test('what a stall held up at the very beginning is all there: the time line begins with its first sound', async () => {
  const call = recorder('stalled-from-the-start');
  // A second and a half of both sides, told at once.
  call.wait(1_500);
  for (let i = 0; i < 15; i++) call.agent(level(100, i + 1));
  for (let i = 0; i < 75; i++) call.callee(level(20, i + 1));
  call.calleeSays(500, 99);
  expect(await call.close()).toEqual({ durationMs: 2_000 });
  const wav = await read(call.path);
  expect(Array.from({ length: 15 }, (_, i) => wav.at(i * 100 + 50)[0])).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
  expect(Array.from({ length: 75 }, (_, i) => wav.at(i * 20 + 10)[1])).toEqual(Array.from({ length: 75 }, (_, i) => i + 1));
  expect([1_510, 1_990].map((ms) => wav.at(ms))).toEqual([
    [0, 99],
    [0, 99],
  ]);
});

test('a process that dies midway leaves a file that can be played', async () => {
  const call = recorder('killed');
  call.calleeSays(10_000, 7);
  await vi.waitFor(async () => expect((await read(call.path)).durationMs).toBeGreaterThanOrEqual(7_500));
  const wav = await read(call.path);
  expect(wav.at(wav.durationMs - 1)).toEqual([0, 7]);
  await call.close();
});

test('a far side that sends faster than time passes cannot fill the disk', async () => {
  const call = recorder('flood');
  for (let i = 0; i < 2_000; i++) {
    call.wait(6);
    call.callee(level(1_000, 7));
  }
  // The first piece, 1999 waits of 6 ms, and a second of lead.
  expect((await call.close()).durationMs).toBeLessThanOrEqual(1_000 + 11_994 + 1_000);
});

test('a disk that cannot be written to ends the recording, not the call', async () => {
  await writeFile(join(folder, 'a-file'), '');
  const call = createRecorder({ path: join(folder, 'a-file', 'x.wav'), sampleRate: RATE });
  call.callee(level(20, 1));
  const { error } = await call.close();
  expect(error?.message).toMatch(/recording .*x\.wav ended early/);
  expect(await call.close()).toEqual(await call.close());
});

test('a call without a sound gives an empty recording', async () => {
  const call = recorder('empty');
  expect(await call.close()).toEqual({ durationMs: 0 });
  expect((await read(call.path)).declaredBytes).toBe(0);
});
