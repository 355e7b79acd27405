import { describe, expect, test } from 'vitest';
import { readPhone } from '../../src/producer/phone.ts';

const read = (text: string, country: Parameters<typeof readPhone>[1] = 'US') => {
  const result = readPhone(text, country);
  return 'phone' in result ? result.phone.number : result.problem;
};

describe('phone', () => {
  test.each([
    ['+12025550100', 'US', '+12025550100'],
    ['(202) 555-0100', 'US', '+12025550100'],
    ['1 202 555 0100', 'US', '+12025550100'],
    ['tel:+1-202-555-0100', 'US', '+12025550100'],
    ['="+12025550100"', 'US', '+12025550100'],
    ["'+12025550100", 'US', '+12025550100'],
    ['\u202a+1 202\u00a0555 0100\u202c', 'US', '+12025550100'],
    ['0049 30 23125001', 'DE', '+493023125001'],
    ['+49 (0) 30 23125001', 'US', '+493023125001'],
    ['0171/1234567', 'DE', '+491711234567'],
    ['020 7946 0123', 'GB', '+442079460123'],
  ] as const)('%s in %s is %s', (text, country, e164) => {
    expect(read(text, country)).toBe(e164);
  });

  test.each([
    ['', 'there is no phone number'],
    ['  ', 'there is no phone number'],
    ['call me', 'is not a phone number'],
    ['=1+2', 'is not a phone number'],
    ['12', 'has too few or too many digits for US'],
    ['+1202555012', 'has too few or too many digits'],
    ['911', 'has too few or too many digits for US'],
    ['+12125550100123456789', 'is too long'],
    ['+1 999 555 0100', 'does not exist in US'],
    ['4.93012E+11', 'rounded by a spreadsheet'],
    ['4,93E+11', 'rounded by a spreadsheet'],
    ['(202) 555-0100 ext. 5', 'has an extension'],
    ['+1 900 555 0199', 'premium-rate'],
    ['202 555 0100 / 202 555 0101', 'is too long'],
  ])('"%s" is refused: %s', (text, problem) => {
    expect(read(text)).toContain(problem);
  });

  test('a megabyte instead of a number is refused in a short sentence', () => {
    expect(read('1'.repeat(1_000_000)).length).toBeLessThan(200);
  });
});
