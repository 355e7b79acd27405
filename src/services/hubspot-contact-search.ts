import { FilterOperatorEnum } from '@hubspot/api-client/lib/codegen/crm/contacts/index.js';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

/** As HubSpot's search and read requests return a contact. */
export interface HubSpotContact {
  id: string;
  properties: Record<string, string | null>;
}

/** People type numbers as they like, so what they typed and what HubSpot made of it are both asked for. */
export function phoneSearch(phone: string, properties: string[]) {
  const national = nationalNumber(phone);
  const group = (propertyName: string, value: string) => ({ filters: [{ propertyName, operator: FilterOperatorEnum.Eq, value }] });
  return {
    filterGroups: [
      group('phone', phone),
      group('mobilephone', phone),
      // HubSpot's own normal form: digits without the country code, so other countries' numbers match as well.
      ...(national === undefined
        ? []
        : [group('hs_searchable_calculated_phone_number', national), group('hs_searchable_calculated_mobile_number', national)]),
    ],
    properties: [...new Set([...properties, 'phone', 'mobilephone'])],
    sorts: ['createdate'],
    limit: 20,
  };
}

/** The oldest contact whose number is this one, when written out in full first, else when written as at home. */
export function pickByPhone(found: readonly HubSpotContact[], phone: string): HubSpotContact | undefined {
  const numbers = (contact: HubSpotContact): string[] =>
    [contact.properties.phone, contact.properties.mobilephone].filter((value) => typeof value === 'string');
  const full = digits(phone);
  const national = nationalNumber(phone);
  return (
    found.find((contact) => numbers(contact).some((number) => withoutPrefix(number) === full)) ??
    found.find((contact) => numbers(contact).some((number) => !isInternational(number) && withoutPrefix(number) === national))
  );
}

function nationalNumber(phone: string): string | undefined {
  return parsePhoneNumberFromString(phone)?.nationalNumber;
}

function isInternational(number: string): boolean {
  return /^\s*(\+|00)/.test(number);
}

/** Digits without the `+`, `00` or `0` in front of them. */
function withoutPrefix(number: string): string {
  return digits(number).replace(/^0+/, '');
}

function digits(number: string): string {
  return number.replaceAll(/\D/g, '');
}
