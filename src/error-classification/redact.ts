import { createRedactor, maskPhone } from '../redaction.ts';

/** Shapes of keys that services echo in their complaints, when the key is not one of ours to compare with: in a foreign message even half of one is taken out. */
const KEY_SHAPES = [/\b(?:sk|pat|xi|whsec)[-_][\w*.-]{4,}/gi, /\bBearer\s+\S+/gi, /\/bot\d+:[\w-]+/gi];
const PHONE_NUMBER = /\+\d{7,15}/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a hostile answer must not drive the terminal that shows it.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

export type Redact = (text: string, maxLength?: number) => string;

/** Makes foreign text fit for a message: no keys, no phone numbers, no control characters, not long. */
export function createRedact(secrets: readonly string[]): Redact {
  const takeOut = createRedactor(secrets);
  return (text, maxLength = 200) => {
    let clean = maskPhone(takeOut(text));
    for (const shape of KEY_SHAPES) clean = clean.replace(shape, '[redacted]');
    clean = clean.replace(PHONE_NUMBER, '[number]').replace(CONTROL, ' ').trim();
    return clean.length > maxLength ? `${clean.slice(0, maxLength)}…` : clean;
  };
}

/**
 * A copy of a cause chain that is safe to log: SDK errors drag along bodies, headers and whole responses, and
 * put some of them into their message.
 */
export function cleanCause(error: unknown, redact: Redact, depth = 0): unknown {
  if (depth > 5) return undefined;
  if (typeof error === 'string') return redact(error);
  if (!(error instanceof Error)) return undefined;
  const inner = cleanCause(error.cause, redact, depth + 1);
  const members = error instanceof AggregateError ? error.errors.map((member) => cleanCause(member, redact, depth + 1)) : undefined;
  const message = redact(error.message, 300);
  const copy = members ? new AggregateError(members, message) : new Error(message);
  if (inner !== undefined) copy.cause = inner;
  copy.name = error.name;
  // The frames say where; the lines above them are the message again, unredacted.
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  copy.stack = [`${error.name}: ${message}`, ...frames].join('\n');
  const code: unknown = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number'
    ? Object.assign(copy, { code: typeof code === 'string' ? redact(code) : code })
    : copy;
}
