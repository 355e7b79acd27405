import { timezones } from 'libphonenumber-geo-carrier';
import { getCountries, getExampleNumber, parsePhoneNumberWithError } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import { describe, expect, test } from 'vitest';
import { canonicalZone, createZonesOf } from '../../src/producer/time-zones.ts';

const zonesOf = createZonesOf();
const zones = (number: string) => zonesOf(parsePhoneNumberWithError(number));

describe('time zones', () => {
  test('a number that belongs to a place is in its zone', () => {
    expect(zones('+12025550100')).toEqual(['America/New_York']);
    expect(zones('+13125550100')).toEqual(['America/Chicago']);
    expect(zones('+493023125001')).toEqual(['Europe/Berlin']);
    expect(zones('+61892000000')).toContain('Australia/Perth');
  });

  test('a mobile phone may be anywhere in its country', () => {
    expect(zones('+61412345678')).toEqual(expect.arrayContaining(['Australia/Perth', 'Australia/Sydney']));
    expect(zones('+79161234567')).toEqual(expect.arrayContaining(['Europe/Moscow', 'Asia/Vladivostok']));
  });

  test('a freephone number may be anywhere that shares its country code', () => {
    expect(zones('+18005550199').length).toBeGreaterThan(20);
  });

  test('numbers of no country are in no zone', () => {
    expect(zones('+80012345678')).toEqual([]);
  });

  test('for numbers of a place the answers are those of the package', { timeout: 60_000 }, async () => {
    const numbers = [
      '+12025550100',
      '+13125550100',
      '+18085550100',
      '+17095550100',
      '+493023125001',
      '+442079460123',
      '+551130001234',
      '+61892000000',
    ];
    for (const number of numbers)
      expect([number, zones(number)]).toEqual([number, await timezones(parsePhoneNumberWithError(number) as never)]);
  });

  test('every zone of every country is one that this machine knows', () => {
    for (const country of getCountries()) {
      const example = getExampleNumber(country, examples);
      for (const zone of example ? zonesOf(example) : []) expect(canonicalZone(zone), `${country} ${zone}`).toBeDefined();
    }
  });

  test.each([
    ['america/new_york', 'America/New_York'],
    ['Europe/Berlin', 'Europe/Berlin'],
    ['EST', undefined],
    ['+02:00', undefined],
    ['Berlin', undefined],
    ['Europe/Atlantis', undefined],
    ['', undefined],
  ])('the name "%s" in a file is read as %s', (name, zone) => {
    expect(canonicalZone(name)).toBe(zone);
  });
});
