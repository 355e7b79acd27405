import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CrmCallRecord } from '../../src/services/crm.ts';
import { createHubSpot } from '../../src/services/hubspot.ts';
import { ATTEMPT_PROPERTY } from '../../src/services/hubspot-calls.ts';
import { endAfter, hang, json, type ReceivedRequest, type ScriptedServer, stallAfter, startScriptedServer } from './scripted-server.ts';
import { failureOf } from './settled.ts';

const TOKEN = 'pat-eu1-0123456789abcdef';
const { signal } = new AbortController();

const RECORD: CrmCallRecord = {
  key: 'attempt-1',
  contactId: '501',
  from: '+12025550100',
  to: '+12025550123',
  startedAt: 1_795_000_000_000,
  durationMs: 61_500.4,
  disposition: 'completed',
  title: 'Call by the reminder campaign',
  body: 'Callee: <b>5 & 6</b>\nAgent: fine',
};

/** As much of HubSpot as one record needs: a property and an idempotent upsert. */
function miniature() {
  const calls = new Map<string, Record<string, string>>();
  const state = { property: undefined as { hasUniqueValue?: boolean } | undefined, calls, ties: [] as string[], upsertStatus: 200 };
  const answer = (request: ReceivedRequest): [number, unknown] => {
    const { method, url } = request;
    const body = request.body === '' ? undefined : JSON.parse(request.body);
    if (url.startsWith('/crm/v3/properties/calls/hs_call_title')) return [200, { name: 'hs_call_title', groupName: 'call' }];
    if (url.startsWith('/crm/v3/properties/calls/'))
      return state.property ? [200, state.property] : [404, { category: 'OBJECT_NOT_FOUND' }];
    if (method === 'POST' && url === '/crm/v3/properties/calls') {
      state.property = body;
      return [201, body];
    }
    if (url === '/crm/v3/objects/calls/batch/upsert') {
      const [{ id, properties }] = body.inputs;
      calls.set(id, { ...calls.get(id), ...properties });
      return state.upsertStatus === 200
        ? [200, { status: 'COMPLETE', results: [{ id: '9001', properties, new: true }] }]
        : [state.upsertStatus, { message: 'bad gateway' }];
    }
    if (method === 'PUT') {
      state.ties.push(url);
      return [200, { status: 'COMPLETE', results: [] }];
    }
    const key = /calls\/([^?]+)\?/.exec(url)?.[1] ?? '';
    return calls.has(key) ? [200, { id: '9001', properties: calls.get(key) }] : [404, {}];
  };
  return {
    ...state,
    state,
    answer: (response: Parameters<ReturnType<typeof json>>[0], request: ReceivedRequest) => json(...answer(request))(response, request),
  };
}

describe('HubSpot', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await startScriptedServer();
  });
  afterEach(() => server.close());

  const create = (deadlineMs = 5_000) => createHubSpot({ accessToken: TOKEN, baseUrl: server.url, deadlineMs });

  describe('finding a contact', () => {
    const contact = (id: string, properties: Record<string, string | null>) => ({ id, properties });

    it('reads it by id when there is one', async () => {
      server.answer = json(200, contact('501', { firstname: 'Ada', lastname: 'Byron', email: 'ada@example.com', company: null }));
      expect(await create().findContact({ crmId: '501', phone: '+12025550123' }, signal)).toEqual({
        id: '501',
        name: 'Ada Byron',
        properties: { firstname: 'Ada', lastname: 'Byron', email: 'ada@example.com' },
      });
      expect(server.requests[0]?.url).toMatch(/^\/crm\/v3\/objects\/contacts\/501\?/);
      expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    });

    it('finds nobody where HubSpot knows nobody', async () => {
      server.answer = json(404, { category: 'OBJECT_NOT_FOUND' });
      expect(await create().findContact({ crmId: '501', phone: '+12025550123' }, signal)).toBeUndefined();
      server.answer = json(200, { total: 0, results: [] });
      expect(await create().findContact({ phone: '+12025550123' }, signal)).toBeUndefined();
    });

    it('finds it by phone, however the number was typed, and nobody abroad with the same digits', async () => {
      server.answer = json(200, {
        total: 3,
        results: [
          contact('1', { phone: '+44 2025 550123' }),
          contact('2', { phone: '(202) 555-0123' }),
          contact('3', { phone: null, mobilephone: '+1 202-555-0123' }),
        ],
      });
      expect(await create().findContact({ phone: '+12025550123' }, signal)).toMatchObject({ id: '3' });
      expect(JSON.parse(server.requests[0]?.body ?? '').filterGroups).toContainEqual({
        filters: [{ propertyName: 'hs_searchable_calculated_phone_number', operator: 'EQ', value: '2025550123' }],
      });
      server.answer = json(200, {
        total: 2,
        results: [contact('1', { phone: '+44 2025 550123' }), contact('2', { phone: '(202) 555-0123' })],
      });
      expect(await create().findContact({ phone: '+12025550123' }, signal)).toMatchObject({ id: '2' });
    });

    it('does not take a page for a contact', async () => {
      server.answer = endAfter('<html>maintenance</html>', 'text/html');
      expect(await failureOf(create().findContact({ crmId: '501', phone: '+12025550123' }, signal))).toMatchObject({
        code: 'unreadable-answer',
        category: 'transient',
      });
      expect(await failureOf(create().findContact({ phone: '+12025550123' }, signal))).toMatchObject({ code: 'unreadable-answer' });
    });
  });

  describe('recording a call', () => {
    it('makes its property once, writes the record, ties it to the contact', async () => {
      const hubspot = miniature();
      server.answer = hubspot.answer;
      const crm = create();
      await crm.recordCall(RECORD, signal);
      expect(hubspot.state.property).toMatchObject({ name: ATTEMPT_PROPERTY, hasUniqueValue: true, groupName: 'call', type: 'string' });
      expect(hubspot.calls.get('attempt-1')).toEqual({
        hs_timestamp: '1795000000000',
        hs_call_title: 'Call by the reminder campaign',
        hs_call_body: 'Callee: &lt;b&gt;5 &amp; 6&lt;/b&gt;<br>Agent: fine',
        hs_call_direction: 'OUTBOUND',
        hs_call_status: 'COMPLETED',
        hs_call_disposition: 'f240bbac-87c9-4f6e-bf70-924b57d47db7',
        hs_call_duration: '61500',
        hs_call_from_number: '+12025550100',
        hs_call_to_number: '+12025550123',
        ringfence_attempt: 'attempt-1',
      });
      expect(hubspot.ties).toEqual(['/crm/v4/objects/calls/9001/associations/default/contacts/501']);
      const requests = server.requests.length;
      await crm.recordCall({ ...RECORD, key: 'attempt-2', contactId: undefined }, signal);
      expect(server.requests.slice(requests).map(({ method }) => method)).toEqual(['POST', 'GET']);
    });

    it('leaves one record when HubSpot wrote it, answered 502, and was asked again', async () => {
      const hubspot = miniature();
      server.answer = hubspot.answer;
      hubspot.state.upsertStatus = 502;
      const crm = create();
      expect(await failureOf(crm.recordCall(RECORD, signal))).toMatchObject({ category: 'transient', status: 502 });
      expect(server.requests.filter(({ url }) => url.endsWith('upsert'))).toHaveLength(1);
      hubspot.state.upsertStatus = 200;
      await crm.recordCall(RECORD, signal);
      expect([...hubspot.calls.keys()]).toEqual(['attempt-1']);
    });

    it('still records the call when the contact has been deleted', async () => {
      const hubspot = miniature();
      server.answer = (response, request) =>
        request.method === 'PUT' ? json(404, {})(response, request) : hubspot.answer(response, request);
      await create().recordCall(RECORD, signal);
      expect(hubspot.calls.size).toBe(1);
    });

    it('refuses to write under a property that would let a call be recorded twice', async () => {
      const hubspot = miniature();
      server.answer = hubspot.answer;
      hubspot.state.property = { hasUniqueValue: false };
      expect(await failureOf(create().recordCall(RECORD, signal))).toMatchObject({ code: 'property-not-unique', category: 'permanent' });
      expect(hubspot.calls.size).toBe(0);
    });

    it('notices a record that was acknowledged and is not there', async () => {
      const hubspot = miniature();
      server.answer = (response, request) =>
        request.url.endsWith('upsert') ? json(200, { results: [{ id: '9001' }] })(response, request) : hubspot.answer(response, request);
      expect(await failureOf(create().recordCall(RECORD, signal))).toMatchObject({ code: 'not-recorded', category: 'transient' });
    });

    it('tells a record that was refused inside an answer that looks good', async () => {
      const hubspot = miniature();
      const refused = {
        status: 'COMPLETE',
        results: [],
        numErrors: 1,
        errors: [{ category: 'VALIDATION_ERROR', message: 'bad owner', context: {} }],
      };
      server.answer = (response, request) =>
        request.url.endsWith('upsert') ? json(207, refused)(response, request) : hubspot.answer(response, request);
      const failure = await failureOf(create().recordCall(RECORD, signal));
      expect(failure).toMatchObject({ code: 'VALIDATION_ERROR', category: 'permanent' });
      expect(failure.message).toContain('bad owner');
    });
  });

  it.each([
    {
      name: 'the day is used up',
      status: 429,
      body: { policyName: 'DAILY', category: 'RATE_LIMITS' },
      code: 'DAILY',
      category: 'quota',
      retryAfterMs: undefined,
    },
    {
      name: 'ten seconds are used up',
      status: 429,
      body: { policyName: 'TEN_SECONDLY_ROLLING', category: 'RATE_LIMITS' },
      code: 'TEN_SECONDLY_ROLLING',
      category: 'rate-limited',
      retryAfterMs: 10_000,
    },
    {
      name: 'the token is bad',
      status: 401,
      body: { category: 'INVALID_AUTHENTICATION', message: `bad ${TOKEN}` },
      code: 'INVALID_AUTHENTICATION',
      category: 'auth',
    },
    { name: 'a scope is missing', status: 403, body: { category: 'MISSING_SCOPES' }, code: 'MISSING_SCOPES', category: 'auth' },
    { name: 'a record is locked', status: 423, body: {}, code: 'http-423', category: 'transient', retryAfterMs: 2_000 },
    {
      name: 'the search is asked too often',
      status: 429,
      body: { policyName: 'SECONDLY' },
      code: 'SECONDLY',
      category: 'rate-limited',
      retryAfterMs: 1_000,
    },
    { name: 'the account is being moved', status: 477, body: {}, code: 'http-477', category: 'transient' },
    { name: 'its TLS is broken', status: 525, body: {}, code: 'http-525', category: 'transient' },
    { name: 'two write at once', status: 409, body: { category: 'CONFLICT' }, code: 'CONFLICT', category: 'transient' },
    { name: 'it is not what HubSpot takes', status: 415, body: {}, code: 'http-415', category: 'permanent' },
    { name: 'it is in trouble', status: 504, body: {}, code: 'http-504', category: 'transient' },
    { name: 'the request is bad', status: 400, body: { category: 'VALIDATION_ERROR' }, code: 'VALIDATION_ERROR', category: 'permanent' },
  ])('tells when $name', async ({ status, body, code, category, retryAfterMs }) => {
    server.answer = json(status, body);
    const failure = await failureOf(create().findContact({ phone: '+12025550123' }, signal));
    expect(failure).toMatchObject({ service: 'hubspot', code, category, status, retryAfterMs });
    expect(server.requests).toHaveLength(1);
    expect(JSON.stringify([failure.message, String(failure.cause), failure.stack])).not.toContain(TOKEN);
  });

  it.each([
    { name: 'never answers', answer: hang },
    { name: 'stops in the middle of its answer', answer: stallAfter('{"id":', 'application/json') },
  ])('gives up a HubSpot that $name, and hangs up', async ({ answer }) => {
    server.answer = answer;
    expect(await failureOf(create(150).findContact({ phone: '+12025550123' }, signal))).toMatchObject({
      code: 'no-answer',
      category: 'transient',
    });
    await server.abandoned;
  });

  it('stops at once when the call ends, with the reason of the call', async () => {
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    server.answer = () => call.abort(reason);
    await expect(create().findContact({ phone: '+12025550123' }, call.signal)).rejects.toBe(reason);
    await server.abandoned;
  });

  it('keeps its connection for the next request', async () => {
    const connections = new Set<unknown>();
    server.answer = (response, request) => {
      connections.add(response.socket);
      json(200, { total: 0, results: [] })(response, request);
    };
    const crm = create();
    await crm.findContact({ phone: '+12025550123' }, signal);
    await crm.findContact({ phone: '+12025550123' }, signal);
    expect(connections.size).toBe(1);
  });

  it('is healthy when the account answers, and not when the token is bad', async () => {
    server.answer = json(200, { portalId: 1 });
    await create().probe(signal);
    expect(server.requests[0]?.url).toBe('/account-info/v3/details');
    server.answer = json(401, { category: 'EXPIRED_AUTHENTICATION' });
    expect(await failureOf(create().probe(signal))).toMatchObject({ category: 'auth', status: 401 });
  });
});
