/**
 * How the sandbox speaks and hears: a small modem of tones. Words come back exactly as they were written, or not at all.
 *
 * Seventeen tones, one at a time; a symbol is the *step* from one tone to the next, so that no tone follows itself and the sound
 * clocks itself. A word is its letters, a checksum and an `END`; one is heard only between two `END`s, so that half a word is none.
 * A tone lasts 36 ms: too short for a fax, a beep or (being single) a DTMF digit; a lost 20 ms frame mostly leaves enough of it.
 */
import { END, wordToSymbols } from './alphabet.ts';
import { createEar, EAR_RATE, HOP, HOPS_PER_LOOK } from './ear.ts';
import { hertzOf, SYMBOL_MS, TONES } from './tones.ts';
import { createReader } from './word-reader.ts';

/** A word that came out of the tones, with its place in the sound. */
export interface HeardWord {
  text: string;
  /** Milliseconds from the first sample pushed. */
  startMs: number;
  endMs: number;
}

export interface Listener {
  /** PCM (signed 16-bit little-endian, mono) in pieces of any size. Returns the words that this piece completed. */
  push(pcm: Buffer): HeardWord[];
  /** Forgets a word that has begun: the sound ends here. Returns what can still be understood. */
  flush(): HeardWord[];
}

const SENTENCE_PAUSE_MS = 150;
const FADE_MS = 4;
/** -10 dBFS. */
const AMPLITUDE = 0.316 * 32_767 * Math.SQRT2;

const SENTENCE_END = /[.!?…]["')»“]*$/;

/** The sound of a text: PCM, signed 16-bit little-endian, mono. About 15 characters a second. */
export function speak(text: string, sampleRate: number): Buffer {
  const pieces: Buffer[] = [];
  for (const sentence of sentencesOf(text)) {
    if (pieces.length > 0) pieces.push(Buffer.alloc(2 * samplesOf(SENTENCE_PAUSE_MS, sampleRate)));
    pieces.push(sing(tonesOf(sentence), sampleRate));
  }
  return Buffer.concat(pieces);
}

function sentencesOf(text: string): string[][] {
  const sentences: string[][] = [];
  let sentence: string[] = [];
  for (const word of text.split(/\s+/u).filter(Boolean)) {
    sentence.push(word);
    if (!SENTENCE_END.test(word)) continue;
    sentences.push(sentence);
    sentence = [];
  }
  if (sentence.length > 0) sentences.push(sentence);
  return sentences;
}

/** Starts with any tone and an `END`, which gives the listener something to step from. */
function tonesOf(words: readonly string[]): number[] {
  let tone = 0;
  const tones = [tone];
  const step = (symbol: number) => {
    tone = (tone + symbol + 1) % TONES;
    tones.push(tone);
  };
  step(END);
  for (const word of words) {
    for (const symbol of wordToSymbols(word)) step(symbol);
    step(END);
  }
  return tones;
}

function sing(tones: readonly number[], sampleRate: number): Buffer {
  const perTone = samplesOf(SYMBOL_MS, sampleRate);
  const count = tones.length * perTone;
  const fade = samplesOf(FADE_MS, sampleRate);
  const pcm = Buffer.allocUnsafe(count * 2);
  let phase = 0;
  let at = 0;
  for (const tone of tones) {
    const step = (2 * Math.PI * hertzOf(tone)) / sampleRate;
    for (let i = 0; i < perTone; i++, at++) {
      const edge = Math.min(1, (at + 1) / fade, (count - at) / fade);
      pcm.writeInt16LE(Math.round(AMPLITUDE * edge * Math.sin(phase)), at * 2);
      phase += step;
    }
    phase %= 2 * Math.PI;
  }
  return pcm;
}

function samplesOf(ms: number, sampleRate: number): number {
  return Math.round((ms * sampleRate) / 1000);
}

/** `sampleRate`: 8000 or a multiple of it. Costs about a millisecond of CPU a second of sound. */
export function createListener(sampleRate: number): Listener {
  if (!Number.isInteger(sampleRate / EAR_RATE) || sampleRate < EAR_RATE) {
    throw new RangeError(`the sandbox hears 8000 Hz and its multiples, not ${sampleRate} Hz`);
  }
  const perSample = sampleRate / EAR_RATE;
  const toneAt = createEar();
  const reader = createReader();
  const hop = new Float64Array(HOP);
  let filled = 0;
  let sum = 0;
  let summed = 0;
  let half: number | undefined;
  let hops = 0;

  function take(sample: number, words: HeardWord[]): void {
    sum += sample;
    if (++summed < perSample) return;
    hop[filled++] = sum / perSample;
    sum = 0;
    summed = 0;
    if (filled < HOP) return;
    filled = 0;
    const word = reader(toneAt(hop, hops), hops);
    hops++;
    if (word) words.push(word);
  }

  return {
    push(pcm) {
      const words: HeardWord[] = [];
      let at = 0;
      if (half !== undefined && pcm.length > 0) {
        take(((pcm.readUInt8(0) << 24) >> 16) | half, words);
        half = undefined;
        at = 1;
      }
      for (; at + 1 < pcm.length; at += 2) take(pcm.readInt16LE(at), words);
      if (at < pcm.length) half = pcm.readUInt8(at);
      return words;
    },
    flush() {
      const words: HeardWord[] = [];
      for (let i = 0; i < HOPS_PER_LOOK * HOP * perSample; i++) take(0, words);
      reader(undefined, Number.POSITIVE_INFINITY);
      return words;
    },
  };
}
