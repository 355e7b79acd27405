import { afterEach, expect, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import { createDeliveryQueue } from '../../src/delivery/outbox.ts';
import { hubSpotErrors } from '../../src/sandbox/hubspot/hubspot-errors.ts';
import { webhookErrors } from '../../src/sandbox/webhook-sink.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});

const ROLES = ['busy', 'rejects', 'invalid-number', 'no-answer', 'hangs-up-early'];
const quick: Campaign = { ...reminder, limits: { ...reminder.limits, answerTimeoutMs: 500 } };
const rowsOf = (role: string) =>
  outage.world.hubSpot.rows.filter(({ properties }) => properties.hs_call_to_number === outage.contactOf(role).phone);
const searches = () => outage.world.hubSpot.faults.requests.filter(({ path }) => path.includes('/contacts/search'));

async function startWithContacts(crmPatience = '300'): Promise<Outage> {
  const crmContacts = [{ id: '7', properties: { firstname: 'Lena', phone: '+12025550107' } }];
  // One call after the other, so that the later ones know what the earlier ones met.
  return startOutage({ world: { crmContacts }, settings: { CALL_CONCURRENCY: '1', CRM_PATIENCE: crmPatience, SERVICE_DEADLINE: '5000' } });
}

it('HubSpot hangs, and whom we tell of outcomes is away: calls go on, the first few wait for the CRM a moment, later ones not at all, and both hear of every call afterwards, once', {
  timeout: 120_000,
}, async () => {
  outage = await startWithContacts();
  const { world, contactOf, job, asterisk } = outage;
  // Busy's CRM contact is known from the file, so that its record can be tied to it although nobody could be asked.
  const contacts = ROLES.map((role) => (role === 'busy' ? { ...contactOf(role), crmId: '7' } : contactOf(role)));
  world.hubSpot.faults.set({ kind: 'hang' });
  world.outcomes.faults.set(webhookErrors.unavailable503);
  await outage.enqueue(quick, contacts);
  for (const role of ROLES) await eventually(async () => expect((await job(role))?.state).toBe('completed'));
  expect(asterisk.dials).toHaveLength(ROLES.length);
  await eventually(() => expect(outage.told(/HubSpot can't be used/)).toEqual([1, 1, 1]));
  await eventually(() => expect(outage.told(/The webhook of outcomes can't be used/)).toEqual([1, 1, 1]));
  // One request a call, of the four calls whose failures opened it; the calls after them asked nothing.
  expect(searches().length).toBeGreaterThan(0);
  expect(searches().length).toBeLessThanOrEqual(4);
  for (const { at } of searches()) {
    const dialledAt = asterisk.dials.find((dial) => dial.at > at)?.at ?? 0;
    // Far more than its patience, and less than the deadline of a request.
    expect(dialledAt - at).toBeLessThan(4_800);
  }
  expect(world.hubSpot.rows).toEqual([]);
  // Records wait for it as contacts do: looked at again and again, without spending their tries.
  const deliveries = createDeliveryQueue(outage.redis, outage.config.queuePrefix);
  const records = async () => (await deliveries.getJobs()).filter(({ name }) => name === 'crm-call-record');
  await eventually(async () => expect((await records()).filter(({ attemptsStarted }) => attemptsStarted >= 3)).toHaveLength(ROLES.length));
  expect((await records()).filter(({ attemptsMade }) => attemptsMade > 1)).toEqual([]);
  await deliveries.close();

  expect(world.outcomes.deliveries).toEqual([]);

  world.outcomes.faults.clear();
  await eventually(() => expect(outage.told(/The webhook of outcomes is back after/)).toEqual([1, 1, 1]));
  world.hubSpot.faults.clear();
  await eventually(() => expect(outage.told(/HubSpot is back after/)).toEqual([1, 1, 1]));
  for (const role of ROLES) await eventually(() => expect(rowsOf(role)).toHaveLength(1));
  await eventually(() => expect(rowsOf('busy')[0]?.contactIds).toEqual(['7']));
  expect(world.hubSpot.rows).toHaveLength(ROLES.length);
  await eventually(() => expect(outage.sheetRows('call')).toBe(ROLES.length));
  await eventually(() => expect(world.outcomes.deliveries).toHaveLength(ROLES.length));
  expect(new Set(world.outcomes.deliveries.map(({ id }) => id)).size).toBe(ROLES.length);
  await eventually(() => expect(outage.sheetRows('event', /^breaker-(opened|closed): hubspot is/)).toBe(2));
});

it('HubSpot writes a record and answers 502: asked again, it has still one record', { timeout: 90_000 }, async () => {
  outage = await startWithContacts('10000');
  const { world, contactOf, job } = outage;
  world.hubSpot.faults.set(hubSpotErrors.appliedThen502, { path: /objects\/calls/, times: 2 });
  await outage.enqueue(reminder, [contactOf('busy')]);
  await eventually(async () => expect((await job('busy'))?.state).toBe('completed'));
  await eventually(() => expect(rowsOf('busy')[0]?.contactIds).toEqual(['7']));
  const writes = world.hubSpot.faults.requests.filter(({ method, path }) => method === 'POST' && /objects\/calls/.test(path));
  expect(writes.length).toBeGreaterThan(1);
  expect(rowsOf('busy')).toHaveLength(1);
});
