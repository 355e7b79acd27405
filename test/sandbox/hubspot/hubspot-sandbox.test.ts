import { Client } from '@hubspot/api-client';
import { FilterOperatorEnum } from '@hubspot/api-client/lib/codegen/crm/contacts/index.js';
import {
  AssociationSpecAssociationCategoryEnum,
  type BatchInputSimplePublicObjectBatchInputUpsert,
} from '@hubspot/api-client/lib/codegen/crm/objects/calls/index.js';
import { PropertyCreateFieldTypeEnum, PropertyCreateTypeEnum } from '@hubspot/api-client/lib/codegen/crm/properties/index.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hubSpotErrors } from '../../../src/sandbox/hubspot/hubspot-errors.ts';
import { type HubSpotSandbox, startHubSpotSandbox } from '../../../src/sandbox/hubspot/hubspot-sandbox.ts';

let sandbox: HubSpotSandbox;
let client: Client;

beforeEach(async () => {
  sandbox = await startHubSpotSandbox({
    accessToken: 'pat-right',
    contacts: [
      { id: '77', properties: { firstname: 'Dana', lastname: 'Whitfield', phone: '+1 (202) 555-0101', email: 'dana@example.com' } },
      { properties: { firstname: 'Miguel', mobilephone: '+12025550102' } },
    ],
  });
  client = clientWith('pat-right');
});
afterEach(() => sandbox.close());

const clientWith = (accessToken: string) => new Client({ accessToken, basePath: sandbox.url, numberOfApiCallRetries: 0 });

async function failure(work: Promise<unknown>): Promise<{ code: number; body: Record<string, unknown> }> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error && 'code' in error && 'body' in error) return error as never;
  throw new Error(`expected an ApiException, got ${String(error)}`);
}

const findBy = (propertyName: string, value: string) =>
  client.crm.contacts.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName, operator: FilterOperatorEnum.Eq, value }] }],
    properties: ['firstname', 'company'],
    limit: 5,
  });

const addKey = () =>
  client.crm.properties.coreApi.create('calls', {
    name: 'attempt_key',
    label: 'Attempt',
    groupName: 'call',
    type: PropertyCreateTypeEnum.String,
    fieldType: PropertyCreateFieldTypeEnum.Text,
    hasUniqueValue: true,
  });

const call = { hs_timestamp: '1760000000000', hs_call_title: 'Reminder', hs_call_status: 'COMPLETED', hs_call_duration: '4200' };
const upsert = (id: string, properties: Record<string, string>) => {
  const body: BatchInputSimplePublicObjectBatchInputUpsert = { inputs: [{ idProperty: 'attempt_key', id, properties }] };
  return client.crm.objects.calls.batchApi.upsert(body);
};

describe('contacts of the sandbox CRM, asked for by the real SDK', () => {
  it('are found by phone, as written and as HubSpot normalizes it', async () => {
    expect((await findBy('phone', '+1 (202) 555-0101')).results).toMatchObject([
      { id: '77', properties: { firstname: 'Dana', company: null } },
    ]);
    expect((await findBy('hs_searchable_calculated_phone_number', '2025550101')).total).toBe(1);
    expect((await findBy('hs_searchable_calculated_mobile_number', '2025550102')).results[0]?.properties.firstname).toBe('Miguel');
    expect((await findBy('phone', '+12025550199')).results).toEqual([]);
  });

  it('are read by id or by a unique property', async () => {
    const byId = await client.crm.contacts.basicApi.getById('77', ['firstname']);
    expect([byId.properties.firstname, byId.createdAt instanceof Date]).toEqual(['Dana', true]);
    const byEmail = await client.crm.contacts.basicApi.getById('dana@example.com', ['lastname'], undefined, undefined, false, 'email');
    expect(byEmail.id).toBe('77');
    expect(await failure(client.crm.contacts.basicApi.getById('99'))).toMatchObject({ code: 404 });
    expect(await failure(client.crm.contacts.basicApi.getById('x', [], [], [], false, 'firstname'))).toMatchObject({ code: 400 });
  });

  it('are not for everybody', async () => {
    expect(await failure(clientWith('pat-wrong').crm.contacts.basicApi.getById('77'))).toMatchObject({ code: 401 });
  });
});

describe('call records of the sandbox CRM', () => {
  it('are created and tied to a contact in one request', async () => {
    const types = [{ associationCategory: AssociationSpecAssociationCategoryEnum.HubspotDefined, associationTypeId: 194 }];
    const created = await client.crm.objects.calls.basicApi.create({ properties: call, associations: [{ to: { id: '77' }, types }] });
    expect(sandbox.rows).toMatchObject([{ id: created.id, properties: call, contactIds: ['77'] }]);
  });

  it('are written once a key, however often', async () => {
    await addKey();
    const first = await upsert('a-1', call);
    const again = await upsert('a-1', { ...call, hs_call_title: 'Reminder, again' });
    // The generated types call it `_new`.
    expect([first.results[0]?._new, again.results[0]?._new]).toEqual([true, false]);
    expect(sandbox.rows).toMatchObject([
      { properties: { attempt_key: 'a-1', hs_call_title: 'Reminder, again', hs_call_duration: '4200' } },
    ]);
    const read = await client.crm.objects.calls.basicApi.getById('a-1', ['hs_call_status'], undefined, undefined, false, 'attempt_key');
    expect([read.id, read.properties.hs_call_status]).toEqual([first.results[0]?.id, 'COMPLETED']);
  });

  it('are tied to a contact, as often as one likes', async () => {
    const { id } = await client.crm.objects.calls.basicApi.create({ properties: call, associations: [] });
    const associate = (contactId: string) => client.crm.associations.v4.basicApi.createDefault('calls', id, 'contacts', contactId);
    expect((await associate('77')).results).toMatchObject([{ to: { id: '77' } }]);
    await associate('77');
    expect(sandbox.rows[0]?.contactIds).toEqual(['77']);
    expect((await client.crm.associations.v4.basicApi.getPage('calls', id, 'contacts')).results[0]?.toObjectId).toBe('77');
    expect(await failure(associate('99'))).toMatchObject({ code: 404 });
  });

  it('refuse what HubSpot refuses: numbers, unknown properties and options, no time, a key twice, no unique property', async () => {
    const create = (properties: Record<string, unknown>) =>
      failure(client.crm.objects.calls.basicApi.create({ properties: properties as Record<string, string>, associations: [] }));
    expect(await create({ ...call, hs_call_duration: 4200 })).toMatchObject({ code: 400, body: { category: 'VALIDATION_ERROR' } });
    expect(await create({ ...call, colour: 'red' })).toMatchObject({ code: 400, body: { errors: [{ code: 'PROPERTY_DOESNT_EXIST' }] } });
    expect(await create({ ...call, hs_call_status: 'DONE' })).toMatchObject({ code: 400, body: { errors: [{ code: 'INVALID_OPTION' }] } });
    expect(await create({ hs_call_title: 'x' })).toMatchObject({ code: 400, body: { errors: [{ code: 'REQUIRED_PROPERTY' }] } });
    expect(await failure(upsert('a-1', call))).toMatchObject({ code: 400 });
    await addKey();
    await upsert('a-1', call);
    expect(await create({ ...call, attempt_key: 'a-1' })).toMatchObject({ code: 409, body: { category: 'CONFLICT' } });
    expect(sandbox.rows).toHaveLength(1);
  });

  it('get a property once', async () => {
    expect(await addKey()).toMatchObject({ name: 'attempt_key', hasUniqueValue: true });
    expect(await failure(addKey())).toMatchObject({ code: 409 });
    expect((await client.crm.properties.coreApi.getByName('calls', 'attempt_key')).hasUniqueValue).toBe(true);
    expect(await failure(client.crm.properties.coreApi.getByName('calls', 'other'))).toMatchObject({ code: 404 });
  });

  it('are written although the answer says otherwise, and not written twice', async () => {
    await addKey();
    sandbox.faults.set(hubSpotErrors.appliedThen502, { path: /batch\/upsert/, times: 1 });
    expect(await failure(upsert('a-1', call))).toMatchObject({ code: 502 });
    expect(sandbox.rows).toHaveLength(1);
    expect((await upsert('a-1', call)).results[0]?._new).toBe(false);
    expect(sandbox.rows).toHaveLength(1);
  });
});

describe('the sandbox CRM', () => {
  it('says no in every way the real one has', async () => {
    for (const [name, fault] of Object.entries(hubSpotErrors)) {
      if (fault.kind !== 'status' || fault.status === 207) continue;
      sandbox.faults.set(fault);
      expect([name, (await failure(client.crm.contacts.basicApi.getById('77'))).code]).toEqual([name, fault.status]);
    }
    sandbox.faults.set(hubSpotErrors.daily429);
    expect(await failure(client.crm.contacts.basicApi.getById('77'))).toMatchObject({ body: { policyName: 'DAILY' } });
    sandbox.faults.set(hubSpotErrors.partly207);
    expect(await upsert('a-1', call)).toMatchObject({ results: [], errors: [{ category: 'VALIDATION_ERROR' }] });
  });

  it('tells how much of the limits is left, but not when searching', async () => {
    const { headers } = await client.crm.contacts.basicApi.getByIdWithHttpInfo('77');
    expect([headers['x-hubspot-ratelimit-max'], headers['x-hubspot-ratelimit-daily-remaining']]).toEqual(['100', '249999']);
    await findBy('phone', 'x');
    const usage = await client.apiRequest({ path: '/account-info/v3/api-usage/daily/private-apps' });
    expect(await usage.json()).toMatchObject({ results: [{ currentUsage: 3 }] });
  });
});
