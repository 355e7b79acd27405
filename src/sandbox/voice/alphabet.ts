/**
 * Words as symbols 0 to 14. Fifteen more than that, `END`, closes a word and occurs nowhere else, so that a listener who
 * joins late, or lost something, knows where the next word begins.
 *
 * A frequent letter is one symbol, everything else is a page and a place on it; any other character is spelt out as its code point.
 */
export const END = 15;

/** Symbols that stand for something in a word. */
const BASE = 15;
const CHECK_SYMBOLS = 4;
const CODE_POINT_SYMBOLS = 6;

const FREQUENT = 'enatisrohld';
const PAGES = ['bcfgjkmpquvwxyz', undefined, "0123456789.,?!'", 'äöüßéè-:;"()/+'] as const;
const FIRST_PAGE = FREQUENT.length;
/** The next letter is upper case. Takes the place of the second page. */
const SHIFT = FIRST_PAGE + 1;
const LAST_PAGE = FIRST_PAGE + 3;
/** Place on the last page that says: a code point follows. */
const SPELT = 14;

const codes = new Map<string, readonly number[]>();
const letters = new Map<number, string>();
for (const [symbol, letter] of [...FREQUENT].entries()) remember(letter, [symbol]);
for (const [page, text] of PAGES.entries()) {
  for (const [place, letter] of [...(text ?? '')].entries()) remember(letter, [FIRST_PAGE + page, place]);
}

function remember(letter: string, code: readonly number[]): void {
  codes.set(letter, code);
  letters.set(keyOf(code), letter);
}

function keyOf([first = 0, second]: readonly number[]): number {
  return second === undefined ? first : first * BASE + second + BASE;
}

/** The symbols of one word, its checksum included, without the `END`. */
export function wordToSymbols(word: string): number[] {
  const symbols: number[] = [];
  for (const char of word.toWellFormed()) symbols.push(...charToSymbols(char));
  return [...symbols, ...checksum(symbols)];
}

function charToSymbols(char: string): readonly number[] {
  const plain = codes.get(char);
  if (plain) return plain;
  const lower = char.toLowerCase();
  const shifted = lower.toUpperCase() === char ? codes.get(lower) : undefined;
  if (shifted) return [SHIFT, ...shifted];
  return [LAST_PAGE, SPELT, ...digits(char.codePointAt(0) ?? 0, CODE_POINT_SYMBOLS)];
}

/** The word, or undefined when the symbols are not exactly what `wordToSymbols` makes of a word. */
export function symbolsToWord(symbols: readonly number[]): string | undefined {
  const body = symbols.slice(0, -CHECK_SYMBOLS);
  if (body.length === 0) return undefined;
  const check = checksum(body);
  if (check.some((symbol, i) => symbol !== symbols[body.length + i])) return undefined;
  let word = '';
  for (let at = 0; at < body.length; ) {
    const read = readChar(body, at);
    if (!read) return undefined;
    word += read.char;
    at = read.next;
  }
  return word;
}

function readChar(body: readonly number[], at: number): { char: string; next: number } | undefined {
  const first = body[at] ?? 0;
  if (first === SHIFT) {
    const read = readChar(body, at + 1);
    return read && { char: read.char.toUpperCase(), next: read.next };
  }
  if (first < FIRST_PAGE) return { char: letters.get(first) ?? '', next: at + 1 };
  const place = body[at + 1];
  if (place === undefined) return undefined;
  if (first === LAST_PAGE && place === SPELT) return readCodePoint(body, at + 2);
  const char = letters.get(keyOf([first, place]));
  return char === undefined ? undefined : { char, next: at + 2 };
}

function readCodePoint(body: readonly number[], at: number): { char: string; next: number } | undefined {
  const next = at + CODE_POINT_SYMBOLS;
  if (next > body.length) return undefined;
  const codePoint = body.slice(at, next).reduce((sum, digit) => sum * BASE + digit, 0);
  return codePoint > 0x10ffff ? undefined : { char: String.fromCodePoint(codePoint), next };
}

/** FNV-1a folded into four symbols: one damaged word in 50,000 would pass. */
function checksum(symbols: readonly number[]): number[] {
  let hash = 0x811c9dc5;
  for (const symbol of symbols) hash = Math.imul(hash ^ (symbol + 1), 0x01000193) >>> 0;
  return digits(((hash ^ (hash >>> 15)) >>> 0) % BASE ** CHECK_SYMBOLS, CHECK_SYMBOLS);
}

function digits(value: number, count: number): number[] {
  const result: number[] = [];
  for (let rest = value; result.length < count; rest = Math.floor(rest / BASE)) result.unshift(rest % BASE);
  return result;
}
