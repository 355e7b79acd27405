import { expect, it } from 'vitest';
import { ENDPOINT_DELAYS_MS, endpointDelayMs } from '../../src/conversation/endpointing.ts';

const { finished, open, unfinished } = ENDPOINT_DELAYS_MS;

it.each([
  ['Yes, that suits me.', finished],
  ['What time?', finished],
  ['At ten.', finished],
  ['„Passt gut.“', finished],
  ['that suits me', open],
  ['I would like to', unfinished],
  ['I could come on Monday, and', unfinished],
  ['It is because…', unfinished],
  ['Also, ich würde gerne am', unfinished],
  ['My number is', unfinished],
  ['It is zero one seven.', unfinished],
  ['0171 23', unfinished],
  ['Meine Nummer ist null eins', unfinished],
])('after "%s" the callee is given %i ms more', (text, ms) => {
  expect(endpointDelayMs(text)).toBe(ms);
});
