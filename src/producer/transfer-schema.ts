import { z } from 'zod';
import { duration, matching, plainText, SECOND_MS, unknownKeyOr, yesOrNo } from './fields.ts';

/** Whom the model may put a callee through to: by a name, never by a number of its own choice. */
const TRANSFER_EXAMPLE = 'e.g. front_desk: { endpoint: PJSIP/200, about: Anything about bills }';
const targetSchema = z
  .strictObject(
    {
      endpoint: matching(
        /^[A-Za-z][A-Za-z0-9_]*\/[^\s&,|{}]+$/,
        "Asterisk's dial string of one phone of your own, e.g. PJSIP/200",
      ).optional(),
      number: matching(/^\+[1-9]\d{6,14}$/, 'a number in E.164, in quotes, e.g. "+12025550100"').optional(),
      about: plainText('when the model is to put somebody through', 300, 'Anything about bills'),
      spoken: plainText('what they are called in a sentence', 60, 'our front desk').optional(),
      announce: yesOrNo.default(true),
    },
    { error: unknownKeyOr(`an endpoint or a number and what it is about, ${TRANSFER_EXAMPLE}`) },
  )
  .refine(({ endpoint, number }) => (endpoint === undefined) !== (number === undefined), {
    error: `either an "endpoint" (a phone of your own) or a "number", ${TRANSFER_EXAMPLE}`,
  });
export const transferSchema = z.strictObject(
  {
    ringTimeout: duration('5s', '2m', '25s').default(25 * SECOND_MS),
    maxTalk: duration('1m', '8h', '1h').default(3_600 * SECOND_MS),
    targets: z
      .record(z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/), targetSchema, {
        error: unknownKeyOr(`short names of small letters, digits, "-" and "_", each with a phone, ${TRANSFER_EXAMPLE}`),
      })
      .refine((targets) => Object.keys(targets).length > 0 && Object.keys(targets).length <= 20, { error: '1 to 20 targets' }),
  },
  { error: unknownKeyOr('targets, and if need be ringTimeout and maxTalk') },
);
