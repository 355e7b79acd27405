import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createFaultSwitch } from '../faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from '../sandbox-server.ts';
import { ContactSearch, searchContacts } from './contact-search.ts';
import { type CrmObject, type CrmStore, Refusal } from './crm-store.ts';
import { hubSpotErrors } from './hubspot-errors.ts';
import { createWorld, tie, type World } from './hubspot-world.ts';

export interface HubSpotSandboxOptions {
  /** The only token that is let in. Without it, any. */
  accessToken?: string | undefined;
  port?: number | undefined;
  /** Who is in the CRM: properties such as `firstname` and `phone`. Without an `id` they get one. */
  contacts?: { id?: string; properties: Record<string, string> }[] | undefined;
}

/** A call record as somebody sees it who opens the CRM. */
export interface CallRow {
  id: string;
  properties: Record<string, string>;
  /** Contacts that it is tied to. */
  contactIds: string[];
}

export interface HubSpotSandbox extends SandboxServer {
  /** The call records, oldest first. */
  readonly rows: CallRow[];
  readonly contacts: { id: string; properties: Record<string, string> }[];
}

const DAILY_LIMIT = 250_000;
const PER_INTERVAL = 100;
const INTERVAL_MS = 10_000;
/** HubSpot's id of "call to contact". */
const CALL_TO_CONTACT = 194;

/** HubSpot in miniature: contacts that can be found, and calls that can be recorded. */
export async function startHubSpotSandbox(options: HubSpotSandboxOptions = {}): Promise<HubSpotSandbox> {
  const world = createWorld(options);
  const faults = createFaultSwitch({ presets: hubSpotErrors });
  const app = createSandboxApp(faults);
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof Refusal) return reply.code(error.status).send(error.body);
    const refusal = new Refusal(400, 'VALIDATION_ERROR', `Invalid input: ${error instanceof Error ? error.message : 'unreadable'}`);
    return reply.code(refusal.status).send(refusal.body);
  });
  addLimits(app, world);
  addContacts(app, world);
  addCalls(app, world);
  addProperties(app, world);
  addAssociations(app, world);
  const server = await listenOnLoopback(app, faults, options.port);
  return {
    ...server,
    get rows() {
      return [...world.calls.objects.values()].map(({ id, properties }) => ({
        id,
        properties: { ...properties },
        contactIds: [...(world.ties.get(id) ?? [])],
      }));
    },
    get contacts() {
      return [...world.contacts.objects.values()].map(({ id, properties }) => ({ id, properties: { ...properties } }));
    },
  };
}

function addLimits(app: FastifyInstance, world: World): void {
  let inInterval = 0;
  let intervalStart = 0;
  app.addHook('onRequest', async (request, reply) => {
    const key = request.headers.authorization;
    if (!key || (world.accessToken !== undefined && key !== `Bearer ${world.accessToken}`)) {
      return reply.code(401).send(hubSpotErrors.invalidToken401.body);
    }
    world.requestsToday++;
    if (Date.now() - intervalStart >= INTERVAL_MS) [intervalStart, inInterval] = [Date.now(), 0];
    inInterval++;
    // The search counts separately and doesn't tell.
    if (request.url.includes('/search')) return;
    reply.headers({
      'x-hubspot-ratelimit-max': PER_INTERVAL,
      'x-hubspot-ratelimit-remaining': Math.max(0, PER_INTERVAL - inInterval),
      'x-hubspot-ratelimit-interval-milliseconds': INTERVAL_MS,
      'x-hubspot-ratelimit-daily': DAILY_LIMIT,
      'x-hubspot-ratelimit-daily-remaining': DAILY_LIMIT - world.requestsToday,
    });
  });
  app.get('/account-info/v3/details', () => ({ portalId: 1, accountType: 'DEVELOPER_TEST', timeZone: 'UTC', companyCurrency: 'USD' }));
  app.get('/account-info/v3/api-usage/daily/private-apps', () => ({
    results: [
      {
        name: 'Private Apps API Calls Daily',
        usageLimit: DAILY_LIMIT,
        currentUsage: world.requestsToday,
        collectedAt: new Date().toISOString(),
        fetchStatus: 'SUCCESS',
        resetsAt: new Date(new Date().setUTCHours(24, 0, 0, 0)).toISOString(),
      },
    ],
  }));
}

function addContacts(app: FastifyInstance, { contacts }: World): void {
  app.post('/crm/v3/objects/contacts/search', (request) => {
    const search = ContactSearch.parse(request.body);
    const found = searchContacts(contacts.objects.values(), search);
    const from = Number(search.after ?? 0);
    const page = found.slice(from, from + search.limit);
    const more = from + page.length < found.length;
    return {
      total: found.length,
      results: page.map((contact) => view(contact, search.properties)),
      ...(more && { paging: { next: { after: String(from + page.length) } } }),
    };
  });
  app.get('/crm/v3/objects/contacts/:id', (request) => read(contacts, request));
  app.patch('/crm/v3/objects/contacts/:id', (request) => {
    const contact = contacts.find((request.params as { id: string }).id);
    if (!contact) throw new Refusal(404, 'OBJECT_NOT_FOUND', 'resource not found');
    const { properties } = Input.parse(request.body);
    return view(contacts.update(contact, properties), Object.keys(contact.properties));
  });
}

const Input = z.object({
  properties: z.unknown(),
  associations: z.array(z.object({ to: z.object({ id: z.coerce.string() }) })).default([]),
});
const Upserts = z.object({
  inputs: z
    .array(z.object({ idProperty: z.string(), id: z.string(), properties: z.unknown() }))
    .min(1)
    .max(100),
});

function addCalls(app: FastifyInstance, world: World): void {
  const { calls } = world;
  app.post('/crm/v3/objects/calls', (request, reply) => {
    const { properties, associations } = Input.parse(request.body);
    const call = calls.create(properties);
    for (const { to } of associations) tie(world, call.id, to.id);
    return reply.code(201).send(view(call, Object.keys(call.properties)));
  });
  app.post('/crm/v3/objects/calls/batch/upsert', (request) => {
    const startedAt = new Date().toISOString();
    const { inputs } = Upserts.parse(request.body);
    const results = inputs.map(({ idProperty, id, properties }) => {
      const existing = calls.find(id, idProperty);
      const call = existing
        ? calls.update(existing, properties)
        : calls.create({ ...(properties as Record<string, unknown>), [idProperty]: id });
      return { ...view(call, Object.keys(call.properties)), new: existing === undefined };
    });
    return { status: 'COMPLETE', results, startedAt, completedAt: new Date().toISOString() };
  });
  app.get('/crm/v3/objects/calls/:id', (request) => read(calls, request));
}

function addProperties(app: FastifyInstance, world: World): void {
  const storeOf = (request: FastifyRequest): CrmStore => {
    const { kind } = request.params as { kind: string };
    if (kind !== 'calls' && kind !== 'contacts') throw new Refusal(404, 'OBJECT_NOT_FOUND', `Unable to infer object type from: ${kind}`);
    return world[kind];
  };
  const NewProperty = z.object({
    name: z.string().regex(/^[a-z][a-z0-9_]*$/),
    label: z.string(),
    type: z.string(),
    fieldType: z.string(),
    groupName: z.string(),
    description: z.string().default(''),
    hasUniqueValue: z.boolean().default(false),
    options: z
      .array(z.object({ label: z.string(), value: z.string(), displayOrder: z.number().default(0), hidden: z.boolean().default(false) }))
      .default([]),
  });
  app.post('/crm/v3/properties/:kind', (request, reply) => {
    const property = storeOf(request).addProperty({ ...NewProperty.parse(request.body), hubspotDefined: false });
    return reply.code(201).send(property);
  });
  app.get('/crm/v3/properties/:kind', (request) => ({ results: [...storeOf(request).properties.values()] }));
  app.get('/crm/v3/properties/:kind/:name', (request) => {
    const { name } = request.params as { name: string };
    const property = storeOf(request).properties.get(name);
    if (!property) throw new Refusal(404, 'OBJECT_NOT_FOUND', `property ${name} does not exist`);
    return property;
  });
}

function addAssociations(app: FastifyInstance, world: World): void {
  const types = [{ category: 'HUBSPOT_DEFINED', typeId: CALL_TO_CONTACT, label: null }];
  app.put('/crm/v4/objects/:from/:fromId/associations/default/:to/:toId', (request) => {
    const { from, fromId, to, toId } = request.params as Record<'from' | 'fromId' | 'to' | 'toId', string>;
    const startedAt = new Date().toISOString();
    if (/^calls?$/.test(from) && /^contacts?$/.test(to)) tie(world, fromId, toId);
    else if (/^contacts?$/.test(from) && /^calls?$/.test(to)) tie(world, toId, fromId);
    else throw new Refusal(400, 'VALIDATION_ERROR', `The sandbox ties calls to contacts, not ${from} to ${to}`);
    const associationSpec = { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: CALL_TO_CONTACT };
    const results = [{ from: { id: fromId }, to: { id: toId }, associationSpec }];
    return { status: 'COMPLETE', results, startedAt, completedAt: new Date().toISOString() };
  });
  app.get('/crm/v4/objects/calls/:id/associations/contacts', (request) => {
    const { id } = request.params as { id: string };
    return { results: [...(world.ties.get(id) ?? [])].map((toObjectId) => ({ toObjectId, associationTypes: types })) };
  });
}

function read(store: CrmStore, request: FastifyRequest): unknown {
  const { id } = request.params as { id: string };
  const { idProperty, properties } = request.query as { idProperty?: string; properties?: string | string[] };
  const object = store.find(id, idProperty);
  if (!object) throw new Refusal(404, 'OBJECT_NOT_FOUND', 'resource not found');
  return view(
    object,
    [properties ?? []].flat().flatMap((names) => names.split(',')),
  );
}

/** Only what was asked for, and what always comes; a property without a value is null. */
function view({ id, properties, createdAt, updatedAt }: CrmObject, names: string[]): Record<string, unknown> {
  const shown = new Set([...names, 'hs_object_id', 'hs_createdate', 'hs_lastmodifieddate']);
  const entries = [...shown].map((name) => [name, properties[name] ?? null]);
  return { id, properties: Object.fromEntries(entries), createdAt, updatedAt, archived: false };
}
