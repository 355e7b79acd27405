import { describe, expect, it } from 'vitest';
import { createClassify, fault } from '../../src/error-classification/classify.ts';
import type { ErrorTable } from '../../src/error-classification/error-table.ts';
import { NETWORK_RULES } from '../../src/error-classification/network.ts';
import { PermanentError, TransientError } from '../../src/errors.ts';
import { REDIS_ERRORS } from '../../src/queue/redis-errors.ts';
import { ELEVENLABS_ERRORS } from '../../src/services/errors/elevenlabs.ts';
import { GOOGLE_SHEETS_ERRORS } from '../../src/services/errors/google-sheets.ts';
import { HUBSPOT_ERRORS } from '../../src/services/errors/hubspot.ts';
import { OPENAI_ERRORS } from '../../src/services/errors/openai.ts';
import { ASTERISK_ERRORS } from '../../src/telephony/asterisk-errors.ts';

const TABLE: ErrorTable = {
  label: 'Example',
  shape: { status: ['status'], code: ['body.code'], detail: ['body.message'], headers: ['headers'] },
  rules: [{ status: [429], code: ['locked'], category: 'quota', hint: 'Unlock it.' }],
};
const classify = createClassify({ service: 'example', table: TABLE, secrets: ['s3cret'] });

describe('an error', () => {
  it('says what happened, to what, why, and what to do now', () => {
    const error = classify(
      Object.assign(new Error('x'), { status: 429, body: { code: 'locked', message: 'Your account is locked.' } }),
      'greeting',
    );
    expect(error.message).toBe('Example, greeting: answered 429 (locked), saying "Your account is locked.". Unlock it.');
    expect(error).toBeInstanceOf(PermanentError);
  });

  it('is found however deep the library buried it', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const both = new AggregateError([refused, refused], 'all addresses failed');
    expect(classify(new Error('fetch failed', { cause: new TypeError('x', { cause: both }) }), 'greeting')).toMatchObject({
      code: 'ECONNREFUSED',
      category: 'transient',
    });
  });

  it('that is its own cause ends the search', () => {
    const error = new Error('round and round');
    error.cause = error;
    expect(classify(error, 'greeting')).toMatchObject({ code: 'unknown', category: 'permanent' });
  });

  it('that nobody understands is not repeated', () => {
    expect(classify(new TypeError('x is not a function'), 'greeting')).toMatchObject({ category: 'permanent' });
    expect(classify(undefined, 'greeting')).toMatchObject({ category: 'permanent' });
  });

  it('that is classified already stays as it is', () => {
    const first = classify(fault('stream-stalled', 'x'), 'greeting');
    expect(first).toBeInstanceOf(TransientError);
    expect(classify(first, 'something else')).toBe(first);
  });

  it.each([
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': '3', 'retry-after-ms': '250' }, 250],
    [{ 'retry-after': 'soon' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{}, undefined],
  ])('with %j waits as told', (headers, retryAfterMs) => {
    for (const given of [headers, new Headers(headers as Record<string, string>)])
      expect(classify(Object.assign(new Error('x'), { status: 503, headers: given }), 'greeting').retryAfterMs).toBe(retryAfterMs);
  });

  it('with a date waits until then', () => {
    const until = new Date(Date.now() + 60_000).toUTCString();
    const wait = classify(Object.assign(new Error('x'), { status: 503, headers: { 'retry-after': until } }), 'greeting').retryAfterMs ?? 0;
    expect(wait).toBeGreaterThan(30_000);
    expect(wait).toBeLessThanOrEqual(60_000);
  });

  it('carries no key, no phone number and nothing that drives a terminal', () => {
    const nasty = 'Bearer abcdef s3cret sk-abcd1234efgh pat-eu1-1234 +12025550123 \u001b[2J\nfake line';
    const error = classify(
      Object.assign(new Error(nasty, { cause: new Error(nasty) }), { status: 400, body: { message: nasty } }),
      'greeting',
    );
    const everything = [error.message, String(error.cause), (error.cause as Error).stack, String((error.cause as Error).cause)].join('|');
    for (const bad of ['abcdef', 's3cret', 'abcd1234', 'eu1-1234', '2025550123', '\u001b']) expect(everything).not.toContain(bad);
    expect(error.message).not.toContain('\n');
  });

  it('drags no body, header or response along', () => {
    const error = classify(
      Object.assign(new Error('x'), { status: 500, headers: { cookie: 'c' }, body: { a: 1 }, rawResponse: {} }),
      'greeting',
    );
    expect(Object.keys(error.cause as object)).not.toEqual(expect.arrayContaining(['body']));
    expect(error.cause).not.toHaveProperty('headers');
    expect(error.cause).not.toHaveProperty('rawResponse');
  });
});

describe.each([ELEVENLABS_ERRORS, OPENAI_ERRORS, HUBSPOT_ERRORS, GOOGLE_SHEETS_ERRORS, ASTERISK_ERRORS, REDIS_ERRORS])(
  'the table of $label',
  ({ rules }) => {
    it('has no line that an earlier one hides', () => {
      const hidden = rules.filter((rule, i) =>
        rules.slice(0, i).some((earlier) => {
          const covers = (wide: readonly unknown[] | undefined, narrow: readonly unknown[] | undefined) =>
            wide === undefined || (narrow?.every((word) => wide.includes(word)) ?? false);
          return covers(earlier.status, rule.status) && covers(earlier.code, rule.code) && covers(earlier.name, rule.name);
        }),
      );
      expect(hidden).toEqual([]);
    });

    it('tells a human what to do on every line', () => {
      for (const { hint } of [...rules, ...NETWORK_RULES]) expect(hint).toMatch(/^[A-Z].*\.$/);
    });
  },
);
