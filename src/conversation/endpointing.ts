/**
 * How long after the end of speech (as the detector tells it, some 500 ms of silence) the callee may still go on with the same turn.
 * Milliseconds.
 */
export const ENDPOINT_DELAYS_MS = {
  /** A sentence that is finished: we answer at once. */
  finished: 0,
  /** No full stop was heard: a breath. */
  open: 300,
  /** "and …", "my number is …", a number that is being read out: people look for the next word, or for their card. */
  unfinished: 1_200,
} as const;

/** Nobody ends a sentence on these. */
const LEADS_ON = new Set(
  (
    'and or but because so if when that which who the a an to of for with at in on from by my your our is are was um uh erm well ' +
    'und oder aber weil denn wenn dass ob der die das den dem ein eine einen einem mit zu zum zur von vom bei im am für auf aus mein meine ist sind äh ähm also'
  ).split(' '),
);

const NUMBER_WORDS = new Set(
  (
    'zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred double triple ' +
    'null eins zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf'
  ).split(' '),
);

/** So many numbers in a row at the end are read out, one after the other; a single one is an answer ("at ten"). */
const NUMBERS_READ_OUT = 2;

/** How long to wait for more after these words. */
export function endpointDelayMs(text: string): number {
  if (/(?:…|\.\.\.|[,;:–-])$/u.test(text.trim())) return ENDPOINT_DELAYS_MS.unfinished;
  const words = text
    .toLowerCase()
    .split(/[^\p{L}\p{N}']+/u)
    .filter((word) => word !== '');
  if (isReadingNumber(words)) return ENDPOINT_DELAYS_MS.unfinished;
  if (/[.?!]["'”“’)]*$/u.test(text.trim())) return ENDPOINT_DELAYS_MS.finished;
  return LEADS_ON.has(words.at(-1) ?? '') ? ENDPOINT_DELAYS_MS.unfinished : ENDPOINT_DELAYS_MS.open;
}

function isReadingNumber(words: readonly string[]): boolean {
  const last = words.findLastIndex((word) => !NUMBER_WORDS.has(word) && !/^\p{N}+$/u.test(word));
  return words.length - 1 - last >= NUMBERS_READ_OUT;
}
