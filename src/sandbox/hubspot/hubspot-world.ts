import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { CALL_PROPERTIES, CONTACT_PROPERTIES } from './crm-schema.ts';
import { type CrmStore, createCrmStore, Refusal } from './crm-store.ts';
import type { HubSpotSandboxOptions } from './hubspot-sandbox.ts';

/** What the CRM knows. */
export interface World {
  accessToken: string | undefined;
  contacts: CrmStore;
  calls: CrmStore;
  /** Contact ids by call id. */
  ties: Map<string, Set<string>>;
  requestsToday: number;
}

export function createWorld({ accessToken, contacts: people = [] }: HubSpotSandboxOptions): World {
  let last = 1000;
  const given = people.map(({ id }) => id);
  let next: string | undefined;
  const nextId = () => next ?? String(++last);
  const contacts = createCrmStore({ kind: 'contacts', properties: CONTACT_PROPERTIES, required: [], nextId });
  for (const [i, { properties }] of people.entries()) {
    next = given[i];
    contacts.create({ ...properties, ...searchable(properties) });
  }
  next = undefined;
  const calls = createCrmStore({ kind: 'calls', properties: CALL_PROPERTIES, required: ['hs_timestamp'], nextId });
  return { accessToken, contacts, calls, ties: new Map(), requestsToday: 0 };
}

/** What HubSpot's search compares: digits without the country code. */
function searchable({ phone, mobilephone }: Record<string, string>): Record<string, string> {
  const national = (number: string) => parsePhoneNumberFromString(number, 'US')?.nationalNumber ?? number.replaceAll(/\D/g, '');
  return {
    ...(phone && { hs_searchable_calculated_phone_number: national(phone) }),
    ...(mobilephone && { hs_searchable_calculated_mobile_number: national(mobilephone) }),
  };
}

export function tie({ calls, contacts, ties }: World, callId: string, contactId: string): void {
  if (!calls.objects.has(callId)) throw new Refusal(404, 'OBJECT_NOT_FOUND', `No calls with ID ${callId} exists`);
  if (!contacts.objects.has(contactId)) throw new Refusal(404, 'OBJECT_NOT_FOUND', `No contacts with ID ${contactId} exists`);
  const tied = ties.get(callId) ?? new Set();
  ties.set(callId, tied.add(contactId));
}
