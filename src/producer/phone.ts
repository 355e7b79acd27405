import { type CountryCode, ParseError, type PhoneNumber, parsePhoneNumberWithError } from 'libphonenumber-js/max';
import { quoteFound } from './quote-found.ts';

export type PhoneResult = { phone: PhoneNumber } | { problem: string };

/** What spreadsheets and address books wrap around a number: invisible direction marks, `="…"`, a leading apostrophe, `tel:`. */
function unwrap(text: string): string {
  const visible = text.replace(/[\p{Cf}\u00a0]/gu, ' ').trim();
  const unquoted = /^="(.*)"$/.exec(visible)?.[1] ?? visible.replace(/^'/, '');
  return unquoted.replace(/^tel:/i, '').trim();
}

/** A number as E.164, or why nobody can be called there. `country` is where a number without a country code belongs. */
export function readPhone(text: string, country: CountryCode): PhoneResult {
  const written = unwrap(text);
  if (written === '') return { problem: 'there is no phone number' };
  const found = `the phone number ${quoteFound(text)}`;
  if (/^\d+([.,]\d+)?E\+?\d+$/i.test(written)) {
    return { problem: `${found} was rounded by a spreadsheet and its digits are lost; format the column as text and export it again` };
  }
  let phone: PhoneNumber;
  try {
    phone = parsePhoneNumberWithError(written, { defaultCountry: country, extract: false });
  } catch (error) {
    return { problem: `${found} ${error instanceof ParseError ? explain(error.message) : 'is not a phone number'}` };
  }
  if (!phone.isPossible()) return { problem: `${found} has too few or too many digits for ${placeOf(phone, country)}` };
  if (!phone.isValid()) return { problem: `${found} does not exist in ${placeOf(phone, country)}` };
  if (phone.ext) return { problem: `${found} has an extension, which can't be dialled; give a direct number` };
  // A forged list of premium-rate numbers is an old way to earn from somebody else's trunk.
  if (phone.getType() === 'PREMIUM_RATE') return { problem: `${found} is a premium-rate number, which is never called` };
  return { phone };
}

/** libphonenumber-js's own codes for what it can't parse. */
function explain(code: string): string {
  if (code === 'TOO_SHORT') return 'is too short';
  if (code === 'TOO_LONG') return 'is too long; one number in a field';
  if (code === 'INVALID_COUNTRY') return 'has a country code that no country has';
  return 'is not a phone number';
}

function placeOf(phone: PhoneNumber, country: CountryCode): string {
  const places = phone.country ? [phone.country] : phone.getPossibleCountries();
  if (places.includes(country)) return country;
  return places[0] ?? `country code +${phone.countryCallingCode}`;
}
