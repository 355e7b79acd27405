import { z } from 'zod';
import { unknownKeyOr, word } from './fields.ts';

const EXAMPLE = 'e.g. cost: { most: 0.50, currency: EUR, perMillionInputTokens: 0.40, perMinuteListened: 0.01 }';
const amount = (what: string) =>
  word(`${what}: a number that isn't negative, ${EXAMPLE}`, (text) => /^\d{1,9}(\.\d{1,9})?$/.test(text)).transform(Number);
const price = (what: string) => amount(`what your contract says of ${what}`).default(0);

/** What a call may cost, reckoned by the prices of your own contracts. What has no price costs nothing. */
export const costSchema = z
  .strictObject(
    {
      most: amount('what one call may cost'),
      currency: word('the unit of all these figures, e.g. EUR', (text) => /^[A-Za-z€$£ ]{1,12}$/.test(text)),
      perMillionInputTokens: price('a million tokens that the language model reads'),
      perMillionOutputTokens: price('a million tokens that it writes'),
      perThousandCharacters: price('a thousand characters that are synthesized'),
      perMinuteListened: price('a minute of speech-to-text'),
      perMinuteOfCall: price('a minute of the telephone line'),
      perMinuteOfAgent: price('a minute of connection to a voice agent'),
    },
    { error: unknownKeyOr(`"most", "currency" and prices, ${EXAMPLE}`) },
  )
  .refine(({ most, currency, ...prices }) => Object.values(prices).some((value) => value > 0), {
    error: `at least one price above zero, ${EXAMPLE}`,
  });
