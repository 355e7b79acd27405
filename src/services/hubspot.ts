import { Client } from '@hubspot/api-client';
import { PropertyCreateFieldTypeEnum, PropertyCreateTypeEnum } from '@hubspot/api-client/lib/codegen/crm/properties/index.js';
import { createClassify, fault } from '../error-classification/classify.ts';
import { ServiceError } from '../errors.ts';
import { createAbortableAgent } from './abortable-agent.ts';
import type { Crm, CrmCallRecord, CrmContact } from './crm.ts';
import { HUBSPOT_ERRORS } from './errors/hubspot.ts';
import { toCallProperties } from './hubspot-call-record.ts';
import { type HubSpotContact, phoneSearch, pickByPhone } from './hubspot-contact-search.ts';
import type { Probed } from './probe.ts';
import { createRequestWatch } from './request-watch.ts';

export interface HubSpotOptions {
  /** Of a private app: contacts read, calls read and write, and the right to create a property on calls. */
  accessToken: string;
  baseUrl?: string | undefined;
  /** For one request. Milliseconds. */
  deadlineMs: number;
  /** What is read of a contact besides the name. */
  contactProperties?: readonly string[] | undefined;
}

/** Our own property on calls. Its values are unique in the account, which is what makes recording a call repeatable. */
export const ATTEMPT_PROPERTY = 'ringfence_attempt';

const HUBSPOT_BASE_URL = 'https://api.hubapi.com';
const NAME_PROPERTIES = ['firstname', 'lastname'];

type Ask = <T>(operation: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

export function createHubSpot(options: HubSpotOptions): Crm & Probed {
  const { accessToken, baseUrl = HUBSPOT_BASE_URL, deadlineMs, contactProperties = ['email', 'company'] } = options;
  const classify = createClassify({ service: 'hubspot', table: HUBSPOT_ERRORS, secrets: [accessToken] });
  const abortable = createAbortableAgent(baseUrl);
  const client = new Client({ accessToken, basePath: baseUrl, numberOfApiCallRetries: 0, httpAgent: abortable.agent });
  const ask: Ask = async (operation, signal, work) => {
    signal.throwIfAborted();
    const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
    try {
      return await watch.settle(abortable.run(watch.signal, work));
    } catch (error) {
      signal.throwIfAborted();
      throw classify(error, operation);
    } finally {
      watch.dispose();
    }
  };
  const properties = [...NAME_PROPERTIES, ...contactProperties];
  let propertyExists = false;

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
    async recordCall(record, signal) {
      if (!propertyExists) await ensureAttemptProperty(client, ask, signal);
      propertyExists = true;
      const id = await upsertCall(client, ask, record, signal).catch((error: unknown) => {
        // Perhaps somebody has deleted the property: look again next time.
        propertyExists = false;
        throw error;
      });
      if (record.contactId) await associate(client, ask, { callId: id, contactId: record.contactId, signal });
      await confirmCall(client, ask, record.key, signal);
    },
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

/** Made on the first call that an account ever records; looked for once in each process. */
async function ensureAttemptProperty(client: Client, ask: Ask, signal: AbortSignal): Promise<void> {
  const { coreApi } = client.crm.properties;
  const read = (name: string) => orMissing(ask('property of calls', signal, () => coreApi.getByName('calls', name)));
  let property = await read(ATTEMPT_PROPERTY);
  if (property === undefined) {
    const neighbour = await read('hs_call_title');
    const create = ask('property of calls, made', signal, () =>
      coreApi.create('calls', {
        name: ATTEMPT_PROPERTY,
        label: 'Ringfence attempt',
        description: 'One value for each dial, so that no call is recorded twice. Written by Ringfence.',
        groupName: neighbour?.groupName ?? 'call',
        type: PropertyCreateTypeEnum.String,
        fieldType: PropertyCreateFieldTypeEnum.Text,
        hasUniqueValue: true,
        formField: false,
      }),
    );
    // 409: another process was faster.
    property = await create.catch((error: unknown) => (hasStatus(error, 409) ? read(ATTEMPT_PROPERTY) : Promise.reject(error)));
  }
  if (property?.hasUniqueValue !== true)
    await ask('property of calls', signal, async () => {
      throw fault('property-not-unique', `${ATTEMPT_PROPERTY} on calls does not have unique values`);
    });
}

/** Creates the record or finds the one of an earlier try, also of one that HubSpot carried out and then answered with 502. */
async function upsertCall(client: Client, ask: Ask, record: CrmCallRecord, signal: AbortSignal): Promise<string> {
  return ask('call record', signal, async () => {
    const properties = { ...toCallProperties(record), [ATTEMPT_PROPERTY]: record.key };
    const answer = await client.crm.objects.calls.batchApi.upsert({
      inputs: [{ idProperty: ATTEMPT_PROPERTY, id: record.key, properties }],
    });
    const [written] = answer.results ?? [];
    if (written?.id) return written.id;
    // 207: the request was answered, the item refused.
    const refused = 'errors' in answer ? answer.errors?.[0] : undefined;
    if (refused) throw Object.assign(new Error('refused'), { body: { category: refused.category, message: refused.message } });
    throw fault('not-recorded', 'the answer names no record');
  });
}

interface Association {
  callId: string;
  contactId: string;
  signal: AbortSignal;
}

/** Idempotent. A contact that has been deleted, or never was, doesn't make the call unrecorded. */
async function associate(client: Client, ask: Ask, { callId, contactId, signal }: Association): Promise<void> {
  try {
    await ask('call record, tied to the contact', signal, () =>
      client.crm.associations.v4.basicApi.createDefault('calls', callId, 'contacts', contactId),
    );
  } catch (error) {
    if (!hasStatus(error, 404) && !hasStatus(error, 400)) throw error;
  }
}

/** Reading by the unique property doesn't go through the search index, which lags. */
async function confirmCall(client: Client, ask: Ask, key: string, signal: AbortSignal): Promise<void> {
  await ask('call record, read back', signal, async () => {
    const { basicApi } = client.crm.objects.calls;
    const call = await basicApi.getById(key, [ATTEMPT_PROPERTY], undefined, undefined, false, ATTEMPT_PROPERTY).catch((error: unknown) => {
      throw typeof error === 'object' && error !== null && 'code' in error && error.code === 404
        ? fault('not-recorded', 'the record is not there after writing it')
        : error;
    });
    if (call.properties?.[ATTEMPT_PROPERTY] !== key) throw fault('not-recorded', 'another record came back');
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

async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ServiceError && error.status === status;
}
