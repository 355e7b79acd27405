/** Longer last words than this are a model that has lost its way. Some 30 s of speech. Characters. */
const MAX_LAST_WORDS = 450;

/** A property of a tool's schema. All properties are required, as strict schemas want it; null stands for "none". */
export const nullableText = (description: string) => ({ type: ['string', 'null'], description });

/** The words with which a tool wants the talk to end; undefined when it gives none. */
export function lastWordsArgument(args: Record<string, unknown>, property: string): { words: string | undefined } | { mistake: string } {
  const words = Object.hasOwn(args, property) ? args[property] : null;
  if (words === null) return { words: undefined };
  if (typeof words !== 'string') return { mistake: `"${property}" must be a string or null` };
  return { words: words.trim().slice(0, MAX_LAST_WORDS) || undefined };
}
