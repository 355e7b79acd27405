/**
 * How the sandbox speaks and hears: a small modem of tones. Words come back exactly as they were written, or not at all.
 *
 * Seventeen tones, one at a time; a symbol is the *step* from one tone to the next, so that no tone follows itself and the sound
 * clocks itself. A word is its letters, a checksum and an `END`; one is heard only between two `END`s, so that half a word is none.
 * A tone lasts 36 ms: too short for a fax, a beep or (being single) a DTMF digit; a lost 20 ms frame mostly leaves enough of it.
 */
import { END, symbolsToWord, wordToSymbols } from './alphabet.ts';

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

const TONES = 17;
/** Hertz. Within 300 to 3400, and away from the rows and columns of DTMF where it could be had. */
const LOWEST_HZ = 500;
const SPACING_HZ = 150;
const SYMBOL_MS = 36;
const SENTENCE_PAUSE_MS = 150;
const FADE_MS = 4;
/** -10 dBFS. */
const AMPLITUDE = 0.316 * 32_767 * Math.SQRT2;

/** Any sound is brought down to this before it is listened to. Hertz. */
const EAR_RATE = 8000;
/** 2.5 ms. */
const HOP = 20;
/** The sound is looked at 10 ms at a time: enough to tell tones 150 Hz apart. */
const HOPS_PER_LOOK = 4;
/** All tones are multiples of 50 Hz, so their tables repeat after 20 ms. */
const TABLE = 160;
/** Share of a look's energy that has to be in one tone. */
const PURITY = 0.55;
/** Quieter than about -56 dBFS is silence. Mean square of a sample. */
const SILENCE = 50 ** 2;
/** Silence that ends what was being said. */
const LONGEST_GAP_MS = 80;
/** A word that goes on for longer is none. */
const MAX_SYMBOLS = 2000;

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

function hertzOf(tone: number): number {
  return LOWEST_HZ + tone * SPACING_HZ;
}

const cosines = new Float64Array(TONES * TABLE);
const sines = new Float64Array(TONES * TABLE);
for (let tone = 0; tone < TONES; tone++) {
  for (let i = 0; i < TABLE; i++) {
    const angle = (2 * Math.PI * hertzOf(tone) * i) / EAR_RATE;
    cosines[tone * TABLE + i] = Math.cos(angle);
    sines[tone * TABLE + i] = Math.sin(angle);
  }
}

/** `sampleRate`: 8000 or a multiple of it. Costs under a millisecond of CPU a second of sound. */
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

/** Tells which tone the last 10 ms are, if they are one. */
function createEar(): (hop: Float64Array, index: number) => number | undefined {
  const width = TONES * 2;
  const parts = new Float64Array(width * HOPS_PER_LOOK);
  const energies = new Float64Array(HOPS_PER_LOOK);
  return (hop, index) => {
    const slot = index % HOPS_PER_LOOK;
    const offset = (index * HOP) % TABLE;
    let energy = 0;
    for (let i = 0; i < HOP; i++) energy += (hop[i] ?? 0) ** 2;
    energies[slot] = energy;
    const total = energies.reduce((a, b) => a + b);
    const quiet = energy < SILENCE * HOP;
    let best: number | undefined;
    let bestPower = (PURITY * total * HOP * HOPS_PER_LOOK) / 2;
    for (let tone = 0; tone < TONES; tone++) {
      let re = 0;
      let im = 0;
      if (!quiet) {
        const from = tone * TABLE + offset;
        for (let i = 0; i < HOP; i++) {
          const sample = hop[i] ?? 0;
          re += sample * (cosines[from + i] ?? 0);
          im += sample * (sines[from + i] ?? 0);
        }
      }
      parts[slot * width + tone * 2] = re;
      parts[slot * width + tone * 2 + 1] = im;
      for (let other = 0; other < HOPS_PER_LOOK; other++) {
        if (other === slot) continue;
        re += parts[other * width + tone * 2] ?? 0;
        im += parts[other * width + tone * 2 + 1] ?? 0;
      }
      const power = re * re + im * im;
      if (power <= bestPower) continue;
      best = tone;
      bestPower = power;
    }
    return total < SILENCE * HOP * HOPS_PER_LOOK ? undefined : best;
  };
}

/** Turns the tones, hop by hop, into steps and these into words. */
function createReader(): (tone: number | undefined, hop: number) => HeardWord | undefined {
  const msOf = (hop: number) => (hop * HOP * 1000) / EAR_RATE;
  let last: number | undefined;
  let lastHop = 0;
  /** Undefined until an `END` has told where a word begins. */
  let symbols: number[] | undefined;
  let startMs = 0;
  return (tone, hop) => {
    if (last !== undefined && msOf(hop - lastHop) > LONGEST_GAP_MS) {
      last = undefined;
      symbols = undefined;
    }
    if (tone === undefined) return undefined;
    const symbol = last === undefined ? undefined : (tone - last + TONES - 1) % TONES;
    last = tone;
    lastHop = hop;
    // The same tone again is the same symbol, still sounding.
    if (symbol === undefined || symbol === TONES - 1) return undefined;
    if (symbol !== END) {
      if (symbols?.length === 0) startMs = Math.max(0, msOf(hop + 1 - HOPS_PER_LOOK));
      if (symbols?.push(symbol) === MAX_SYMBOLS) symbols = undefined;
      return undefined;
    }
    const text = symbols && symbolsToWord(symbols);
    symbols = [];
    return text === undefined ? undefined : { text, startMs, endMs: msOf(hop + 1 - HOPS_PER_LOOK) + SYMBOL_MS };
  };
}
