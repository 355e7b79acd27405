/** The words alone, for comparing: lower case, every mark a space. Transcripts of the same words differ in marks and capitals. */
export function plainWords(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** The same for phrases to look for: without apostrophes, too ("don't" becomes "dont"). */
export function phraseWords(text: string): string {
  return plainWords(withoutApostrophes(text));
}

/** The same, and the keys of a phone: "press #". */
export function menuWords(text: string): string {
  return withoutApostrophes(text)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}#*]+/gu, ' ')
    .trim();
}

function withoutApostrophes(text: string): string {
  return text.normalize('NFKC').replace(/['’‘`´]/gu, '');
}
