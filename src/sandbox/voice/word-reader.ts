import { END, symbolsToWord } from './alphabet.ts';
import { EAR_RATE, HOP, HOPS_PER_LOOK } from './ear.ts';
import { SYMBOL_MS, TONES } from './tones.ts';
import type { HeardWord } from './voice.ts';

/** Silence that ends what was being said. */
const LONGEST_GAP_MS = 80;
/** A word that goes on for longer is none. */
const MAX_SYMBOLS = 2000;

/** Turns the tones, hop by hop, into steps and these into words. */
export function createReader(): (tone: number | undefined, hop: number) => HeardWord | undefined {
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
