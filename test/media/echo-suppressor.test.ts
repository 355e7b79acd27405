import { describe, expect, it } from 'vitest';
import { createEchoSuppressor } from '../../src/media/echo-suppressor.ts';
import { loadOpenings } from '../conversation/openings.ts';

/** At 8 kHz. */
const FRAME_BYTES = 320;
const SILENCE = Buffer.alloc(FRAME_BYTES);
const spoken = loadOpenings().filter(({ is }) => is === 'human' || is === 'voicemail' || is === 'ivr');
const ours = Buffer.concat(spoken.filter(({ is }) => is !== 'human').map(({ pcm }) => pcm)).subarray(0, 600 * FRAME_BYTES);
const theirs = Buffer.concat(spoken.filter(({ is }) => is === 'human').map(({ pcm }) => pcm)).subarray(0, 500 * FRAME_BYTES);

interface Line {
  /** How our voice comes back; from the first frame until `untilMs`. */
  echo?: { db: number; delayMs: number; untilMs?: number };
  /** What the callee says, so loud. */
  callee?: { pcm: Buffer; db: number; fromMs: number };
  /** Asterisk stands still for so long, every second and a half, and makes up for nothing. */
  stallMs?: number;
  /** What the callee has said before we speak, a second ago. */
  hello?: Buffer;
}

/** We speak on and on; returns what comes from the callee, frame by frame, and what is left of it. */
function listen({ echo, callee, stallMs = 0, hello = Buffer.alloc(0) }: Line) {
  let now = 1_000;
  const suppressor = createEchoSuppressor({ sampleRate: 8_000, now: () => now });
  const cameBack =
    echo && Buffer.concat([Buffer.alloc(echo.delayMs * 16), scaled(ours.subarray(0, (echo.untilMs ?? 60_000) * 16), echo.db)]);
  const said = callee && Buffer.concat([Buffer.alloc(callee.fromMs * 16), scaled(callee.pcm, callee.db)]);
  const before = Buffer.concat([hello, Buffer.alloc(16_000)]);
  for (let at = 0; hello.length > 0 && at < before.length; at += FRAME_BYTES) {
    now += 20;
    suppressor.hear(frameOf(before, at));
  }
  const from = now;
  const frames: { ms: number; came: Buffer; left: Buffer; theirs: Buffer }[] = [];
  for (let at = 0; at < ours.length; at += FRAME_BYTES) {
    now += 20;
    if ((at / FRAME_BYTES) % 75 === 74) now += stallMs;
    // As the legs tell it: in pieces of 100 ms, when they were heard.
    if ((at / FRAME_BYTES) % 5 === 4) suppressor.played(ours.subarray(at - 4 * FRAME_BYTES, at + FRAME_BYTES));
    const theirs = frameOf(said, at);
    const came = sum(frameOf(cameBack, at), theirs);
    frames.push({ ms: now - from, came, left: suppressor.hear(came), theirs });
  }
  return frames;
}

const frameOf = (pcm: Buffer | undefined, at: number) =>
  Buffer.concat([pcm?.subarray(at, at + FRAME_BYTES) ?? SILENCE, SILENCE], FRAME_BYTES);

function scaled(pcm: Buffer, db: number): Buffer {
  const out = Buffer.alloc(pcm.length);
  for (let at = 0; at + 1 < pcm.length; at += 2) out.writeInt16LE(Math.round(pcm.readInt16LE(at) * 10 ** (db / 20)), at);
  return out;
}

function sum(one: Buffer, other: Buffer): Buffer {
  const out = Buffer.alloc(FRAME_BYTES);
  for (let at = 0; at < FRAME_BYTES; at += 2)
    out.writeInt16LE(Math.max(-32_768, Math.min(32_767, one.readInt16LE(at) + other.readInt16LE(at))), at);
  return out;
}

function levelDb(frame: Buffer): number {
  let energy = 0;
  for (let at = 0; at < FRAME_BYTES; at += 2) energy += frame.readInt16LE(at) ** 2;
  return 10 * Math.log10(energy / (FRAME_BYTES / 2) / 32_768 ** 2 + 1e-10);
}

/** Of the callee's frames that are this loud: how many are heard as they came. */
function shareHeard(frames: ReturnType<typeof listen>, overDb = -45): number {
  const mattering = frames.filter(({ theirs }) => levelDb(theirs) > overDb);
  expect(mattering.length).toBeGreaterThan(20);
  return mattering.filter(({ came, left }) => left.equals(came)).length / mattering.length;
}

describe('our own voice, come back from the callee', () => {
  it.each([
    [-12, 150],
    [-20, 150],
    [-30, 150],
    [-20, 430],
  ])('%d dB quieter and %d ms later, is silence to whoever listens, after less than a second', (db, delayMs) => {
    const frames = listen({ echo: { db, delayMs } }).filter(({ ms }) => ms > 1_000 + delayMs);
    // At -30 dB little of it is loud enough to count at all.
    const mattering = frames.filter(({ came }) => levelDb(came) > -50);
    expect(mattering.length).toBeGreaterThan(20);
    expect(mattering.filter(({ left }) => levelDb(left) > -60).length / mattering.length).toBeLessThan(0.02);
  });

  it.each([
    ['after they said hello', { hello: theirs.subarray(0, 60 * FRAME_BYTES) }],
    ['through an Asterisk that stands still now and then', { stallMs: 100 }],
    ['through an Asterisk that stands still now and then, for longer', { stallMs: 160 }],
  ])('is silence %s, too', (_how, line) => {
    const frames = listen({ echo: { db: -20, delayMs: 150 }, ...line }).filter(({ ms }) => ms > 1_300);
    const mattering = frames.filter(({ came }) => levelDb(came) > -50);
    const share = mattering.filter(({ left }) => levelDb(left) > -60).length / mattering.length;
    expect(share).toBeLessThan(0.005);
  });

  it('does not hide somebody who speaks over it', () => {
    const frames = listen({ echo: { db: -25, delayMs: 150 }, callee: { pcm: theirs, db: 0, fromMs: 3_000 } });
    // What is quieter than the echo itself drowns in it.
    expect(shareHeard(frames, -35)).toBeGreaterThan(0.95);
  });

  it('is forgotten when the receiver is taken up', () => {
    const echo = { db: -12, delayMs: 150, untilMs: 3_000 };
    const frames = listen({ echo, callee: { pcm: theirs, db: -15, fromMs: 6_000 } });
    expect(shareHeard(frames)).toBeGreaterThan(0.95);
  });
});

it.each([0, -10, -20])('somebody who speaks while we do, %d dB quieter, is heard whole where there is no echo', (db) => {
  for (const fromMs of [140, 500, 2_300]) {
    const frames = listen({ callee: { pcm: theirs, db, fromMs } });
    expect(shareHeard(frames)).toBeGreaterThan(0.95);
  }
});
