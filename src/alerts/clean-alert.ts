import { maskPhone } from '../redaction.ts';
import type { Alert } from './alert.ts';

/** A message must fit on a phone's screen, and below Telegram's limit with room to spare. UTF-16 units. */
const MAX_FIELD = 600;
/** A megabyte of somebody's error page isn't even looked through. Long enough that no secret is cut in half within what is kept. */
const MAX_READ = 4_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a hostile answer must forge neither a mail header nor a line.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;

/**
 * Takes out of an alert what must not leave the process: phone numbers and secrets (both are kept in Redis, shown in
 * Bull Board and written to files otherwise), control characters, and more words than anybody reads.
 */
export function cleanAlert<T extends Alert>(alert: T, redact: (text: string) => string): T {
  const clean = (value: unknown): unknown => {
    if (typeof value === 'string')
      return cut(
        maskPhone(redact(cut(value, MAX_READ)))
          .replace(CONTROL, ' ')
          .trim(),
        MAX_FIELD,
      );
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, clean(inner)]));
  };
  return clean(alert) as T;
}

/** Cuts to a length, in UTF-16 units, without cutting a character in half. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = length - 1;
  const half = /[\ud800-\udbff]/.test(text.charAt(end - 1));
  return `${text.slice(0, half ? end - 1 : end)}…`;
}
