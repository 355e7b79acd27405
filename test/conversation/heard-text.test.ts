import { describe, expect, it } from 'vitest';
import { createVoiceClock, heardText, wordsWithin } from '../../src/conversation/heard-text.ts';

const RATE = 8_000;

function tone(ms: number): Buffer {
  const pcm = Buffer.alloc((RATE * 2 * ms) / 1000);
  for (let i = 0; i < pcm.length / 2; i++) pcm.writeInt16LE(Math.round(8_000 * Math.sin((2 * Math.PI * 440 * i) / RATE)), i * 2);
  return pcm;
}

const silence = (ms: number) => Buffer.alloc((RATE * 2 * ms) / 1000);

describe('what was heard of a sentence', () => {
  it('is cut at the last word that ended in time', () => {
    const text = 'Your appointment is on Tuesday at noon.';
    expect(wordsWithin(text, 0)).toBe('');
    expect(wordsWithin(text, 0.05)).toBe('');
    expect(wordsWithin(text, 0.5)).toBe('Your appointment is');
    expect(wordsWithin(text, 0.95)).toBe('Your appointment is on Tuesday at');
    expect(wordsWithin(text, 1)).toBe(text);
    expect(wordsWithin(text, Number.NaN)).toBe('');
  });

  it('never gets shorter the longer it was heard', () => {
    const text = 'We would like to remind you of your appointment on Tuesday.';
    let last = '';
    for (let share = 0; share <= 1; share += 0.01) {
      const heard = wordsWithin(text, share);
      expect(text.startsWith(heard)).toBe(true);
      expect(heard.length).toBeGreaterThanOrEqual(last.length);
      last = heard;
    }
  });

  it('does not take a pause for words', () => {
    const clock = createVoiceClock(RATE);
    clock.push(Buffer.concat([silence(1_000), tone(500), silence(2_000), tone(500)]));
    const sentence = { text: 'One two. Six ten.', clock, whole: true, complete: false };
    expect(heardText({ ...sentence, heardMs: 900 })).toBe('');
    expect(heardText({ ...sentence, heardMs: 1_520 })).toBe('One two.');
    expect(heardText({ ...sentence, heardMs: 3_400 })).toBe('One two.');
    expect(heardText({ ...sentence, heardMs: 4_000, complete: true })).toBe('One two. Six ten.');
  });

  it('guesses the length of a sentence that was cut while it was still being made', () => {
    const clock = createVoiceClock(RATE);
    clock.push(tone(1_000));
    const text = 'This sentence would have been quite a lot longer than a second of speech.';
    const heard = heardText({ text, clock, whole: false, heardMs: 1_000, complete: true });
    expect(heard.length).toBeGreaterThan(5);
    expect(heard.length).toBeLessThan(20);
  });

  it('keeps count of audio that comes in pieces of any size', () => {
    const clock = createVoiceClock(RATE);
    const pcm = Buffer.concat([tone(100), silence(100), tone(100)]);
    for (let at = 0; at < pcm.length; at += 37) clock.push(pcm.subarray(at, at + 37));
    expect(clock.durationMs).toBeCloseTo(300, 5);
    expect(clock.voicedMs()).toBe(200);
    expect(clock.voicedMs(150)).toBe(100);
  });
});
