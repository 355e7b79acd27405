import { z } from 'zod';
import { templateProblems } from '../call/template.ts';

/** A text field's message is what was expected, with an example; the file's reader puts what it found before it. */
export const word = (expected: string, isRight: (text: string) => boolean) =>
  z.string({ error: expected }).refine(isRight, { error: expected });
export const matching = (pattern: RegExp, expected: string) => word(expected, (text) => pattern.test(text));

export const SECOND_MS = 1000;
const UNIT_MS: Record<string, number> = { ms: 1, s: SECOND_MS, m: 60 * SECOND_MS, h: 3600 * SECOND_MS };

function durationMs(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text.trim()) ?? [];
  return Math.round(Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN));
}

export const duration = (minimum: string, maximum: string, example: string) =>
  word(`a duration from ${minimum} to ${maximum} with its unit (ms, s, m or h), e.g. ${example}`, (text) => {
    const ms = durationMs(text);
    return ms >= durationMs(minimum) && ms <= durationMs(maximum);
  }).transform(durationMs);

/** `maximum` in characters: what is spoken must be short, what the model reads may be long. */
export const template = (what: string, maximum: number, example: string) => {
  const expected = `${what}, up to ${maximum} characters, e.g. "${example}"`;
  return z
    .string({ error: expected })
    .trim()
    .min(1, { error: expected })
    .max(maximum, { error: expected })
    .superRefine((text, context) => {
      for (const problem of templateProblems(text)) context.addIssue({ code: 'custom', message: problem, params: { isProblem: true } });
    });
};

export const yesOrNo = z
  .enum(['true', 'false', 'yes', 'no', 'on', 'off'], { error: 'true or false' })
  .transform((text) => ['true', 'yes', 'on'].includes(text));

/** Without variables: rendered once for all contacts, or nothing that concerns one of them. */
export const plainText = (what: string, maximum: number, example: string) =>
  word(`${what}, up to ${maximum} characters, e.g. "${example}"`, (text) => {
    const length = text.trim().length;
    return length > 0 && length <= maximum && !/\{\{|\}\}/.test(text);
  }).transform((text) => text.trim());

/** Keeps zod's own word about unknown keys, which the file's reader turns into suggestions. */
export function unknownKeyOr(expected: string) {
  return (issue: { code?: string | undefined }) => (issue.code === 'unrecognized_keys' ? undefined : expected);
}
