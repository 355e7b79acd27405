/** Long enough to recognise a value by, short enough for one line of a terminal. */
const SHOWN_CHARACTERS = 60;

/** A value from outside, safe to print: quoted, short, and without characters that steer a terminal. */
export function quoteFound(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'nothing';
  if (typeof value === 'object') return 'a list or a group of keys (text that begins with { or [ needs quotes)';
  const text = String(value);
  const printable = text
    .slice(0, SHOWN_CHARACTERS + 1)
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '·');
  return printable.length > SHOWN_CHARACTERS ? `"${printable.slice(0, SHOWN_CHARACTERS)}…"` : `"${printable}"`;
}
