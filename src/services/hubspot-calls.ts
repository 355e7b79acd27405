import type { Client } from '@hubspot/api-client';
import { PropertyCreateFieldTypeEnum, PropertyCreateTypeEnum } from '@hubspot/api-client/lib/codegen/crm/properties/index.js';
import { fault } from '../error-classification/classify.ts';
import type { Crm, CrmCallRecord } from './crm.ts';
import { type Ask, hasStatus, orMissing } from './hubspot-ask.ts';
import { toCallProperties } from './hubspot-call-record.ts';

/** Our own property on calls. Its values are unique in the account, which is what makes recording a call repeatable. */
export const ATTEMPT_PROPERTY = 'ringfence_attempt';

/** One record a call, however often it is repeated and whatever HubSpot answered before. */
export function createCallRecorder(client: Client, ask: Ask): Crm['recordCall'] {
  let propertyExists = false;
  return async (record, signal) => {
    if (!propertyExists) await ensureAttemptProperty(client, ask, signal);
    propertyExists = true;
    const id = await upsertCall(client, ask, record, signal).catch((error: unknown) => {
      // Perhaps somebody has deleted the property: look again next time.
      propertyExists = false;
      throw error;
    });
    if (record.contactId) await associate(client, ask, { callId: id, contactId: record.contactId, signal });
    await confirmCall(client, ask, record.key, signal);
  };
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
