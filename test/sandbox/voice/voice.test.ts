import { describe, expect, it } from 'vitest';
import { decodeG711, encodeG711 } from '../../../src/sandbox/voice/g711.ts';
import { createListener, speak } from '../../../src/sandbox/voice/voice.ts';

const SENTENCES =
  'Hello Anna, this is the dental practice of Dr. Müller. Your appointment is tomorrow at 14:30, does that still suit you? ' +
  'Größere Änderungen bitte bis É! "No" 🙂 (call +1 202 555 0123)…';
const PROSE =
  'Good afternoon, this is an automated assistant calling on behalf of the practice. I would like to remind you of the appointment ' +
  'that you have with us tomorrow in the morning. Would you be able to come, or should we find another day that suits you better?';

/** PCM at 8 kHz. */
const prose = speak(PROSE, 8000);

function hear(pcm: Buffer, rate: number, chunkBytes = pcm.length): string {
  const listener = createListener(rate);
  const words = [];
  for (let at = 0; at < pcm.length; at += chunkBytes) words.push(...listener.push(pcm.subarray(at, at + chunkBytes)));
  return [...words, ...listener.flush()].map((word) => word.text).join(' ');
}

/** Small, seeded, good enough for test data (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function mapSamples(pcm: Buffer, f: (sample: number, index: number) => number): Buffer {
  const out = Buffer.alloc(pcm.length);
  for (let i = 0; i < pcm.length / 2; i++) {
    out.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(f(pcm.readInt16LE(i * 2), i)))), i * 2);
  }
  return out;
}

/** As cheap as resamplers come: linear between neighbours, no filter. */
function resample(pcm: Buffer, from: number, to: number): Buffer {
  const count = Math.floor((pcm.length / 2 - 1) * (to / from));
  const out = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i++) {
    const at = (i * from) / to;
    const left = Math.floor(at);
    const a = pcm.readInt16LE(left * 2);
    const b = pcm.readInt16LE(Math.min(left * 2 + 2, pcm.length - 2));
    out.writeInt16LE(Math.round(a + (b - a) * (at - left)), i * 2);
  }
  return out;
}

/** How many words of `heard` stand in `said` in the same order. */
function inOrder(said: string[], heard: string[]): number {
  let at = 0;
  let found = 0;
  for (const word of heard) {
    const next = said.indexOf(word, at);
    if (next < 0) continue;
    at = next + 1;
    found++;
  }
  return found;
}

describe('the sandbox voice', () => {
  it.each([8000, 16_000, 24_000, 48_000])('is understood word for word at %i Hz', (rate) => {
    expect(hear(speak(SENTENCES, rate), rate)).toBe(SENTENCES);
  });

  it('is understood in pieces of any size, an odd number of bytes too', () => {
    const pcm = speak(SENTENCES, 8000);
    for (const bytes of [1, 7, 160, 320, 4001]) expect(hear(pcm, 8000, bytes)).toBe(SENTENCES);
  });

  it.each(['ulaw', 'alaw'] as const)('crosses a trunk that speaks G.711 %s', (law) => {
    expect(hear(decodeG711(encodeG711(speak(SENTENCES, 8000), law), law), 8000)).toBe(SENTENCES);
  });

  it.each([
    [16_000, 8000],
    [24_000, 8000],
    [8000, 16_000],
    [8000, 48_000],
  ])('survives a change of rate from %i to %i Hz', (from, to) => {
    expect(hear(resample(speak(SENTENCES, from), from, to), to)).toBe(SENTENCES);
  });

  it.each([-25, -15, -3])('is understood at %i dBFS, with noise 20 dB below', (dbfs) => {
    const random = randomFrom(dbfs);
    const rms = 32_768 * 10 ** (dbfs / 20);
    const pcm = mapSamples(speak(SENTENCES, 8000), (sample) => {
      const noise = (random() + random() + random() - 1.5) * 2 * rms * 0.1;
      return sample * (rms / (32_768 * 10 ** (-10 / 20))) + noise;
    });
    expect(hear(pcm, 8000)).toBe(SENTENCES);
  });

  it('hears nothing in noise or in a beep', () => {
    const random = randomFrom(7);
    const noise = mapSamples(Buffer.alloc(16_000 * 60), () => (random() - 0.5) * 20_000);
    const beep = mapSamples(Buffer.alloc(16_000), (_, i) => 10_000 * Math.sin((2 * Math.PI * 1100 * i) / 8000));
    expect(hear(Buffer.concat([noise, beep]), 8000)).toBe('');
  });

  it('is understood when one utterance follows another without a pause', () => {
    expect(hear(Buffer.concat([speak('Yes, of course', 8000), speak('Goodbye!', 8000)]), 8000)).toBe('Yes, of course Goodbye!');
  });

  it('is understood from the next word on by someone who joins late, and up to the last whole word when cut off', () => {
    const words = PROSE.split(' ');
    for (let from = 2; from < prose.length; from += 9002) {
      const tail = hear(prose.subarray(from), 8000).split(' ').filter(Boolean);
      expect(words.slice(words.length - tail.length)).toEqual(tail);
      const head = hear(prose.subarray(0, from), 8000).split(' ').filter(Boolean);
      expect(words.slice(0, head.length)).toEqual(head);
      expect(head.length + tail.length).toBeGreaterThanOrEqual(words.length - 2);
    }
  });

  it('is not understood when the halves of a word lie apart, or a flush between them', () => {
    const pcm = speak('appointment', 8000);
    const half = 36 * 16 * 8;
    const [head, tail] = [pcm.subarray(0, half), pcm.subarray(half)];
    expect(hear(Buffer.concat([head, tail]), 8000)).toBe('appointment');
    expect(hear(Buffer.concat([head, Buffer.alloc(16 * 200), tail]), 8000)).toBe('');
    const listener = createListener(8000);
    expect([...listener.push(head), ...listener.flush(), ...listener.push(tail)]).toEqual([]);
  });

  it('places each word in time, so that a test can tell when speech stopped', () => {
    const words = createListener(8000).push(speak('One two three', 8000));
    const lengthMs = speak('One two three', 8000).length / 16;
    expect(words.map((word) => word.text)).toEqual(['One', 'two', 'three']);
    for (const [i, word] of words.entries()) {
      expect(word.startMs).toBeGreaterThanOrEqual((words[i - 1]?.endMs ?? 0) - 5);
      expect(word.endMs).toBeGreaterThan(word.startMs);
    }
    expect(Math.abs((words.at(-1)?.endMs ?? 0) - lengthMs)).toBeLessThan(10);
  });

  it.each(['silent', 'cut out'] as const)('loses few words and invents none when frames are lost (%s)', (how) => {
    const said = PROSE.split(' ');
    let expected = 0;
    let heard = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomFrom(seed);
      const frames = [];
      for (let at = 0; at < prose.length; at += 320) {
        const lost = random() < 0.02;
        if (!lost) frames.push(prose.subarray(at, at + 320));
        else if (how === 'silent') frames.push(Buffer.alloc(320));
      }
      const words = hear(Buffer.concat(frames), 8000).split(' ');
      expect(inOrder(said, words)).toBe(words.length);
      expected += said.length;
      heard += words.length;
    }
    expect(heard / expected).toBeGreaterThan(0.9);
  });

  it('drops a damaged word rather than hear another', () => {
    const said = PROSE.split(' ');
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      let at = 0;
      const pieces = [];
      while (at < prose.length) {
        const keep = Math.floor(400 + random() * 3000) * 2;
        pieces.push(prose.subarray(at, at + keep));
        at += keep + Math.floor(random() * 1200) * 2;
      }
      const words = hear(Buffer.concat(pieces), 8000).split(' ').filter(Boolean);
      expect(inOrder(said, words)).toBe(words.length);
    }
  });

  it.each([1, 2, 3, 4, 5])('carries any text (seed %i)', (seed) => {
    const random = randomFrom(seed);
    const alphabets = [
      'etaoinshrdlu',
      'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ',
      '0123456789.,?!:;-+*/#@€%&',
      'äöüßÄÖÜéçŁß日本🙂ıİẞǅ',
    ];
    const words = Array.from({ length: 60 }, () => {
      const alphabet = [...(alphabets[Math.floor(random() * alphabets.length)] ?? '')];
      return Array.from({ length: 1 + Math.floor(random() * 9) }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
    });
    expect(hear(speak(words.join(' '), 16_000), 16_000)).toBe(words.join(' '));
  });

  it('speaks at the pace of a person, without a silence inside a sentence', () => {
    const charactersPerSecond = PROSE.length / (prose.length / 16_000);
    expect(charactersPerSecond).toBeGreaterThan(12);
    expect(charactersPerSecond).toBeLessThan(18);
    const sentence = speak('A sentence without any pause at all', 8000);
    for (let at = 320; at + 640 < sentence.length; at += 320) {
      let energy = 0;
      for (let i = at; i < at + 320; i += 2) energy += sentence.readInt16LE(i) ** 2;
      expect(Math.sqrt(energy / 160)).toBeGreaterThan(3000);
    }
  });

  it('never holds a tone as long as a fax or an answering machine does', () => {
    // A word of one letter repeated steps through all tones; the longest a tone sounds is what a symbol takes.
    const pcm = speak('eeeeeeeeee nnnnnnnnnn', 8000);
    let longest = 0;
    let run = 0;
    let previous = 0;
    for (let at = 0; at + 160 < pcm.length; at += 160) {
      let crossings = 0;
      for (let i = at; i < at + 160; i += 2) if (pcm.readInt16LE(i) < 0 !== pcm.readInt16LE(i + 2) < 0) crossings++;
      run = crossings === previous ? run + 10 : 10;
      previous = crossings;
      longest = Math.max(longest, run);
    }
    expect(longest).toBeLessThanOrEqual(60);
  });
});
