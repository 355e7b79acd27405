import { expect, it } from 'vitest';
import { dialString } from '../../src/call/dial-string.ts';

it.each([
  ['PJSIP/{e164}@trunk', 'PJSIP/+12025550123@trunk'],
  ['PJSIP/{digits}@trunk', 'PJSIP/12025550123@trunk'],
  ['Local/{number}@out', 'Local/+12025550123@out'],
  ['PJSIP/trunk/sip:{digits}@carrier.example;user={e164}', 'PJSIP/trunk/sip:12025550123@carrier.example;user=+12025550123'],
])('%s dials %s', (template, dialled) => {
  expect(dialString(template, '+12025550123')).toBe(dialled);
});
