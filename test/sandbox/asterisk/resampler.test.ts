import { describe, expect, it } from 'vitest';
import { createResampler } from '../../../src/sandbox/asterisk/resampler.ts';
import { createListener, speak } from '../../../src/sandbox/voice/voice.ts';

const rates = [8_000, 16_000, 24_000];
const pairs = rates.flatMap((from) => rates.filter((to) => to !== from).map((to) => [from, to] as const));

function resample(pcm: Buffer, from: number, to: number): Buffer {
  const resampler = createResampler(from, to);
  const frameBytes = (from / 50) * 2;
  const frames: Buffer[] = [];
  for (let at = 0; at < pcm.length; at += frameBytes)
    frames.push(resampler.push(Buffer.concat([pcm.subarray(at, at + frameBytes)], frameBytes)));
  return Buffer.concat(frames);
}

const rms = (pcm: Buffer) =>
  Math.sqrt(new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2).reduce((sum, x) => sum + x * x, 0) / (pcm.length / 2));

describe('changing the sample rate', () => {
  it.each(pairs)('from %i to %i Hz words stay words, as long and as loud', (from, to) => {
    const text = 'The quick brown fox jumps over 13 lazy dogs.';
    const pcm = speak(text, from);
    const out = resample(pcm, from, to);
    expect(Math.abs(out.length / (to * 2) - pcm.length / (from * 2))).toBeLessThan(0.021);
    expect(rms(out) / rms(pcm)).toBeGreaterThan(0.8);
    expect(rms(out) / rms(pcm)).toBeLessThan(1.2);
    const words = createListener(to).push(Buffer.concat([out, Buffer.alloc(to)]));
    expect(words.map((word) => word.text).join(' ')).toBe(text);
  });

  it('what a phone cannot carry is gone, not folded back into it', () => {
    const tone = Buffer.alloc(16_000 * 2);
    for (let at = 0; at < 16_000; at++) tone.writeInt16LE(Math.round(10_000 * Math.sin((2 * Math.PI * 6_000 * at) / 16_000)), at * 2);
    expect(rms(resample(tone, 16_000, 8_000))).toBeLessThan(rms(tone) / 20);
  });

  it('silence comes out as silence at once, and by identity once the filter has settled', () => {
    const resampler = createResampler(8_000, 16_000);
    expect(resampler.push(Buffer.alloc(320))).toBe(resampler.silence);
    resampler.push(Buffer.alloc(320, 17));
    expect(resampler.push(Buffer.alloc(320))).not.toBe(resampler.silence);
    expect(resampler.push(Buffer.alloc(320))).toBe(resampler.silence);
  });

  it('takes frames that start at an odd byte or are too short', () => {
    const resampler = createResampler(16_000, 8_000);
    expect(resampler.push(Buffer.alloc(641, 5).subarray(1))).toHaveLength(320);
    expect(resampler.push(Buffer.alloc(7, 5))).toHaveLength(320);
    expect(resampler.push(Buffer.alloc(0))).toHaveLength(320);
  });
});
