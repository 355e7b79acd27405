import { z } from 'zod';

/** One environment variable: how it is read, and what a human is told of it (also in `.env.example`). */
export interface Setting {
  read: z.ZodType;
  help: string;
  /** Unit or form, e.g. `ms`, `URL`. */
  unit: string;
  /** What a wrong value is told to be instead. */
  expected: string;
  default?: string;
  secret?: true;
}

export type Settings = Readonly<Record<string, Setting>>;

/** The values of a group of settings, once they are known to be good. What is unset is `''` or `NaN`. */
export interface Values<Name extends string> {
  has(name: Name): boolean;
  string(name: Name): string;
  number(name: Name): number;
}

const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

export const ms = (help: string, fallback: number, max = 3_600_000): Setting => ({
  read: wholeNumber(1, max),
  help,
  unit: 'ms',
  expected: `a whole number of milliseconds from 1 to ${max}`,
  default: String(fallback),
});

export const text = (help: string, unit = 'text', fallback?: string): Setting => ({
  read: z.string().min(1),
  help,
  unit,
  expected: 'some text',
  ...(fallback === undefined ? {} : { default: fallback }),
});

export const secret = (help: string): Setting => ({ ...text(help, 'secret'), secret: true });

export const url = (help: string, protocols: string[], fallback?: string): Setting => ({
  read: z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol)),
  help,
  unit: 'URL',
  expected: `an address that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  ...(fallback === undefined ? {} : { default: fallback }),
});

export const form = (help: string, unit: string, pattern: RegExp, expected: string): Setting => ({
  read: z.string().regex(pattern),
  help,
  unit,
  expected,
});

/** Standard Webhooks: 24 to 64 bytes. */
const WEBHOOK_SECRET = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;

export const webhookSecret = (help: string): Setting => ({
  ...form(help, 'secret', WEBHOOK_SECRET, 'whsec_ and 24 to 64 random bytes in base64'),
  secret: true,
});

export const count = (help: string, fallback: number, min: number, max: number, unit = 'count'): Setting => ({
  read: wholeNumber(min, max),
  help,
  unit,
  expected: `a whole number from ${min} to ${max}`,
  default: String(fallback),
});

export const choice = (help: string, values: readonly [string, ...string[]], fallback: string): Setting => ({
  read: z.enum(values),
  help,
  unit: values.join('|'),
  expected: `one of ${values.join(', ')}`,
  default: fallback,
});

/** One of the names, or several in the order in which they are asked. */
export const ordered = (help: string, names: readonly string[], fallback: string): Setting => ({
  read: z
    .string()
    .transform((list) => list.split(',').map((name) => name.trim()))
    .refine((list) => list.every((name) => names.includes(name)) && new Set(list).size === list.length)
    .transform((list) => list.join(',')),
  help,
  unit: `list of ${names.join('|')}`,
  expected: `one of ${names.join(', ')}, or several of them with commas between`,
  default: fallback,
});
