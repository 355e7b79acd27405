import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MediaLeg } from '../../src/media/media-leg.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { answeredLine, MEDIA_KINDS } from '../media/answered-line.ts';
import { dataDir } from './prepared.ts';

const AMPLITUDE = 10_000;

function tone(ms: number, sampleRate: number): Buffer {
  const pcm = Buffer.alloc(((ms * sampleRate) / 1000) * 2);
  for (let i = 0; i < pcm.length / 2; i++) pcm.writeInt16LE(Math.round(AMPLITUDE * Math.sin((2 * Math.PI * 700 * i) / sampleRate)), i * 2);
  return pcm;
}

function isLoud(frame: Buffer): boolean {
  let energy = 0;
  for (let at = 0; at < frame.length; at += 2) energy += frame.readInt16LE(at) ** 2;
  return Math.sqrt(energy / (frame.length / 2)) > AMPLITUDE / 20;
}

/** Counts what comes back from a callee who echoes. */
function listen(leg: MediaLeg) {
  const heard = { loudFrames: 0, lastLoudAt: 0, sizes: new Set<number>() };
  leg.onFrame((frame) => {
    heard.sizes.add(frame.length);
    if (!isLoud(frame)) return;
    heard.loudFrames += 1;
    heard.lastLoudAt = performance.now();
  });
  return heard;
}

describe.each(MEDIA_KINDS)('the media leg by %s on a real Asterisk', (kind) => {
  let asterisk: RealAsterisk;
  beforeAll(async () => {
    asterisk = await startRealAsterisk({ dataDir });
  });
  afterAll(() => asterisk?.stop());

  test('whoever speaks up pauses us within two frames of being noticed, and we go on at the same sample', async () => {
    const sampleRate = 16_000;
    // Who echoes speaks up as soon as we do.
    const line = await answeredLine(asterisk, { kind, endpoint: 'Local/echo@callee', sampleRate });
    const heard = listen(line.leg);
    let atPause: number | undefined;
    line.leg.onFrame((_frame, speech) => {
      if (speech?.paused) atPause ??= heard.loudFrames;
    });
    line.leg.pauseOnSpeech(true);
    const utterance = line.leg.speak();
    void utterance.write(tone(1_000, sampleRate));
    utterance.end();
    await expect.poll(() => atPause, { timeout: 5_000 }).toBeGreaterThan(0);
    line.leg.pauseOnSpeech(false);
    await new Promise((resolve) => setTimeout(resolve, 300));
    // On their way when it was noticed: two frames, and what the way to the callee and back holds.
    expect(heard.loudFrames - (atPause ?? 0)).toBeLessThanOrEqual(5);
    expect(heard.loudFrames).toBeLessThan(25);
    expect(line.leg.speaking).toBe(true);
    line.leg.resume();
    expect(await utterance.played).toEqual({ heardMs: 1_000, complete: true });
    await expect.poll(() => heard.loudFrames, { timeout: 5_000 }).toBeGreaterThanOrEqual(48);
    expect(heard.loudFrames).toBeLessThanOrEqual(53);
    await line.close();
  });

  test.each([8000, 16000, 24000] as const)('an utterance goes to the callee and back, to its end, at %i Hz', async (sampleRate) => {
    const line = await answeredLine(asterisk, { kind, endpoint: 'Local/echo@callee', sampleRate });
    const heard = listen(line.leg);
    const playedBytes: number[] = [];
    line.leg.onPlayed((pcm) => playedBytes.push(pcm.length));
    const began = performance.now();
    const first = line.leg.speak();
    const second = line.leg.speak();
    const sound = tone(1_010, sampleRate);
    for (let at = 0; at < sound.length; at += 1_001) await first.write(sound.subarray(at, at + 1_001));
    first.end();
    void second.write(tone(500, sampleRate));
    second.end();
    expect(await first.played).toEqual({ heardMs: 1_010, complete: true });
    expect(await second.played).toEqual({ heardMs: 500, complete: true });
    // It was played in real time, whatever the speed at which it got it.
    expect(performance.now() - began).toBeGreaterThan(1_400);
    expect(playedBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe((sampleRate / 25) * 76);
    await expect.poll(() => heard.loudFrames, { timeout: 5_000 }).toBeGreaterThanOrEqual(74);
    expect(heard.loudFrames).toBeLessThanOrEqual(78);
    expect([...heard.sizes]).toEqual([sampleRate / 25]);
    await line.close();
    expect(await line.leg.closed).toEqual({});
  });

  test('a flush is heard as silence within two frames, and what was heard is known', async () => {
    const line = await answeredLine(asterisk, { kind, endpoint: 'Local/echo@callee', sampleRate: 16000 });
    const heard = listen(line.leg);
    const utterance = line.leg.speak();
    void utterance.write(tone(30_000, 16000));
    await expect.poll(() => heard.loudFrames, { timeout: 5_000, interval: 5 }).toBeGreaterThan(40);
    const framesBefore = heard.loudFrames;
    line.leg.flush();
    const { heardMs, complete } = await utterance.played;
    expect(complete).toBe(false);
    // The line is quiet when this has been heard, so nothing of the old can come any more.
    const after = line.leg.speak();
    void after.write(Buffer.alloc(640 * 25));
    after.end();
    expect(await after.played).toEqual({ heardMs: 500, complete: true });
    // One or two frames are usual; the rest is for a busy machine.
    expect(heard.loudFrames - framesBefore).toBeLessThanOrEqual(20);
    expect(Math.abs(heardMs - heard.loudFrames * 20)).toBeLessThanOrEqual(200);
    await line.close();
  });

  test('ten minutes of audio in one write are handed over as there is room', async () => {
    const line = await answeredLine(asterisk, { kind, endpoint: 'Local/echo@callee', sampleRate: 8000 });
    const heard = listen(line.leg);
    const utterance = line.leg.speak();
    let roomy = false;
    const writing = utterance.write(tone(600_000, 8000)).then(() => {
      roomy = true;
    });
    await expect.poll(() => heard.loudFrames, { timeout: 10_000 }).toBeGreaterThan(100);
    expect(roomy).toBe(false);
    line.leg.flush();
    await writing;
    await line.close();
  });

  test("its channel's end at Asterisk's side is told", async () => {
    const line = await answeredLine(asterisk, { kind, endpoint: 'Local/echo@callee', sampleRate: 8000 });
    const utterance = line.leg.speak();
    void utterance.write(tone(5_000, 8000));
    await line.hangUpLeg();
    expect(await line.leg.closed).toMatchObject({ error: { code: 'media-closed' } });
    expect((await utterance.played).complete).toBe(false);
    await line.close();
  });
});
