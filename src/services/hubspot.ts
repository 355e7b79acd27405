import { Client } from '@hubspot/api-client';
import { fault } from '../error-classification/classify.ts';
import { createAbortableAgent } from './abortable-agent.ts';
import type { Crm, CrmContact } from './crm.ts';
import { type Ask, createAsk, orMissing } from './hubspot-ask.ts';
import { createCallRecorder } from './hubspot-calls.ts';
import { type HubSpotContact, phoneSearch, pickByPhone } from './hubspot-contact-search.ts';
import type { Probed } from './probe.ts';

export interface HubSpotOptions {
  /** Of a private app: contacts read, calls read and write, and the right to create a property on calls. */
  accessToken: string;
  baseUrl?: string | undefined;
  /** For one request. Milliseconds. */
  deadlineMs: number;
  /** What is read of a contact besides the name. */
  contactProperties?: readonly string[] | undefined;
}

const HUBSPOT_BASE_URL = 'https://api.hubapi.com';
const NAME_PROPERTIES = ['firstname', 'lastname'];

export function createHubSpot(options: HubSpotOptions): Crm & Probed {
  const { accessToken, baseUrl = HUBSPOT_BASE_URL, deadlineMs, contactProperties = ['email', 'company'] } = options;
  const abortable = createAbortableAgent(baseUrl);
  const client = new Client({ accessToken, basePath: baseUrl, numberOfApiCallRetries: 0, httpAgent: abortable.agent });
  const ask = createAsk({ secrets: [accessToken], abortable, deadlineMs });
  const properties = [...NAME_PROPERTIES, ...contactProperties];
  const recordCall = createCallRecorder(client, ask);

  return {
    async findContact({ crmId, phone, properties: more = [] }, signal) {
      const wanted = [...new Set([...properties, ...more])];
      const found = crmId
        ? await readContact(client, ask, { crmId, properties: wanted, signal })
        : await searchContact(client, ask, { phone, properties: wanted, signal });
      return found && toContact(found);
    },
    async updateContact({ crmId, phone }, changes, signal) {
      const id = crmId ?? (await searchContact(client, ask, { phone, properties: NAME_PROPERTIES, signal }))?.id;
      if (id === undefined) return false;
      const written = await orMissing(
        ask('contact, changed', signal, async () => complete(await client.crm.contacts.basicApi.update(id, { properties: changes }))),
      );
      return written !== undefined;
    },
    recordCall,
    // No typed method asks this. It takes one of the day's requests and is the only one that no agent can cut off:
    // when HubSpot hangs, the answer's socket lingers for at most five minutes.
    probe: (signal) =>
      ask('health check', signal, async () => {
        const response = await client.apiRequest({ method: 'GET', path: '/account-info/v3/details' });
        const body: unknown = await response.json().catch(() => undefined);
        if (!response.ok) throw Object.assign(new Error('refused'), { code: response.status, body, headers: response.headers });
        if (typeof body !== 'object') throw fault('unreadable-answer', 'the answer is not JSON');
      }),
  };
}

interface ContactRead {
  crmId: string;
  properties: string[];
  signal: AbortSignal;
}

async function readContact(client: Client, ask: Ask, { crmId, properties, signal }: ContactRead): Promise<HubSpotContact | undefined> {
  return orMissing(
    ask('contact by id', signal, async () => {
      const contact = await client.crm.contacts.basicApi.getById(crmId, properties);
      return complete(contact);
    }),
  );
}

interface ContactSearch {
  phone: string;
  properties: string[];
  signal: AbortSignal;
}

async function searchContact(client: Client, ask: Ask, { phone, properties, signal }: ContactSearch): Promise<HubSpotContact | undefined> {
  return ask('contact by phone', signal, async () => {
    const { results } = await client.crm.contacts.searchApi.doSearch(phoneSearch(phone, properties));
    if (!Array.isArray(results)) throw fault('unreadable-answer', 'the answer holds no results');
    return pickByPhone(results.map(complete), phone);
  });
}

/** The SDK takes a page with status 200 for an empty object. */
function complete(contact: HubSpotContact): HubSpotContact {
  if (!contact.id || typeof contact.properties !== 'object') throw fault('unreadable-answer', 'the answer holds no contact');
  return contact;
}

function toContact({ id, properties }: HubSpotContact): CrmContact {
  const filled = Object.entries(properties).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '');
  const name = NAME_PROPERTIES.map((property) => properties[property] ?? '')
    .join(' ')
    .trim();
  return { id, name: name === '' ? undefined : name, properties: Object.fromEntries(filled) };
}
