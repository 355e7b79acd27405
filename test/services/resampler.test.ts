import { describe, expect, it } from 'vitest';
import { createResampler } from '../../src/services/resampler.ts';

function tone(hertz: number, rate: number, ms: number): Buffer {
  const samples = Int16Array.from({ length: (rate * ms) / 1000 }, (_, i) =>
    Math.round(16_000 * Math.sin((2 * Math.PI * hertz * i) / rate)),
  );
  return Buffer.from(samples.buffer);
}

function samplesOf(pcm: Buffer): number[] {
  return Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(i * 2));
}

function convert(pcm: Buffer, toRate: number, pieceBytes = pcm.length, fromRate = 24_000): Buffer {
  const resampler = createResampler(fromRate, toRate);
  const out: Buffer[] = [];
  for (let at = 0; at < pcm.length; at += pieceBytes) out.push(resampler.push(pcm.subarray(at, at + pieceBytes)));
  return Buffer.concat([...out, resampler.end()]);
}

/** Of the middle of the sound, where no edge disturbs. Decibels below full scale. */
function levelOf(pcm: Buffer): number {
  const samples = samplesOf(pcm);
  const middle = samples.slice(samples.length / 4, (samples.length * 3) / 4);
  return 10 * Math.log10(middle.reduce((sum, sample) => sum + sample ** 2, 0) / middle.length / 32_768 ** 2);
}

describe.each([8000, 16_000])('sound of 24,000 Hz brought down to %i Hz', (rate) => {
  it('is as long as before, whatever pieces it comes in', () => {
    for (const samples of [1, 2, 479, 480, 24_001]) {
      const pcm = tone(1000, 24_000, 2_000).subarray(0, samples * 2);
      const whole = convert(pcm, rate);
      expect(whole.length / 2).toBe(Math.ceil((samples * rate) / 24_000));
      for (const piece of [2, 14, 962]) expect(convert(pcm, rate, piece)).toEqual(whole);
    }
  });

  it.each([0.05, 0.25, 0.4])('keeps a tone at %f of the new rate, in its place', (share) => {
    const hertz = share * rate;
    const samples = samplesOf(convert(tone(hertz, 24_000, 500), rate));
    const expected = samplesOf(tone(hertz, rate, 500));
    const middle = samples.slice(200, -200).map((sample, i) => Math.abs(sample - (expected[i + 200] ?? 0)));
    expect(Math.max(...middle)).toBeLessThan(16_000 * 0.02);
  });

  it('lets nothing through that would come back as another tone', () => {
    for (const hertz of [rate * 0.53, rate * 0.6, 11_000].filter((one) => one < 12_000)) {
      expect(levelOf(convert(tone(hertz, 24_000, 500), rate))).toBeLessThan(-60);
    }
  });

  it('never wraps a loud sound around', () => {
    const square = Buffer.alloc(48_000);
    for (let i = 0; i < 24_000; i++) square.writeInt16LE(i % 48 < 24 ? 32_767 : -32_768, i * 2);
    const samples = samplesOf(convert(square, rate));
    const jumps = samples.filter((sample, i) => Math.abs(sample - (samples[i - 1] ?? sample)) > 60_000).length;
    expect(jumps).toBe(0);
    expect(Math.max(...samples)).toBe(32_767);
  });
});

describe.each([8000, 16_000])('sound of %i Hz brought up to 24,000 Hz', (rate) => {
  const up = (pcm: Buffer, pieceBytes?: number) => convert(pcm, 24_000, pieceBytes, rate);

  it('is as long as before, whatever pieces it comes in', () => {
    for (const samples of [1, 2, 159, 2001]) {
      const pcm = tone(1000, rate, 300).subarray(0, samples * 2);
      const whole = up(pcm);
      expect(whole.length / 2).toBe(Math.ceil((samples * 24_000) / rate));
      for (const piece of [2, 14, 962]) expect(up(pcm, piece)).toEqual(whole);
    }
  });

  it.each([0.05, 0.25, 0.4])('keeps a tone at %f of its own rate, in its place, and adds no other', (share) => {
    const hertz = share * rate;
    const samples = samplesOf(up(tone(hertz, rate, 500)));
    const expected = samplesOf(tone(hertz, 24_000, 500));
    const middle = samples.slice(400, -400).map((sample, i) => Math.abs(sample - (expected[i + 400] ?? 0)));
    expect(Math.max(...middle)).toBeLessThan(16_000 * 0.02);
  });

  it('is given on no more than 4 ms late', () => {
    const resampler = createResampler(rate, 24_000);
    expect(resampler.push(tone(1000, rate, 100)).length / 48).toBeGreaterThanOrEqual(96);
  });
});

it('sound that is at the right rate already is not touched', () => {
  const pcm = tone(1000, 24_000, 20);
  expect(convert(pcm, 24_000)).toEqual(pcm);
});
