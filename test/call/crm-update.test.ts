import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallDeps } from '../../src/call/call-deps.ts';
import { outboxOf } from '../../src/call/outbox.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { type HubSpotSandbox, startHubSpotSandbox } from '../../src/sandbox/hubspot/hubspot-sandbox.ts';
import type { Crm } from '../../src/services/crm.ts';
import { createHubSpot } from '../../src/services/hubspot.ts';

const TOKEN = 'pat-of-the-sandbox';
const PHONE = '+12025550101';
const { signal } = new AbortController();
const outcome: Outcome = { disposition: 'completed', reason: 'done', startedAt: 0, endedAt: 1, talkMs: 1, transcript: [] };

describe('what the callee wants changed in the CRM', () => {
  let hubSpot: HubSpotSandbox;
  let crm: Crm;
  beforeEach(async () => {
    hubSpot = await startHubSpotSandbox({ accessToken: TOKEN, contacts: [{ properties: { firstname: 'Dana', phone: PHONE } }] });
    crm = createHubSpot({ accessToken: TOKEN, baseUrl: hubSpot.url, deadlineMs: 5_000 });
  });
  afterEach(() => hubSpot.close());

  const ended = (crmUpdate: Record<string, string> | undefined, crmContactId?: string) =>
    outboxOf(
      {
        attemptId: 'a1',
        attempt: 1,
        campaign: { name: 'reminder', callerId: '+12025550199', language: 'en-US' },
        contact: { phone: PHONE, timeZones: [], variables: {} },
        outcome,
        crmContactId,
        crmUpdate,
      },
      { crm, sheet: false, outcomeWebhook: false } as Pick<CallDeps, 'crm' | 'sheet' | 'outcomeWebhook'>,
    ).flatMap((entry) => (entry.kind === 'crm-contact-update' ? [entry] : []));

  it('is an entry of the outbox, which an outage delays and does not lose', async () => {
    expect(ended(undefined)).toEqual([]);
    const [entry] = ended({ jobtitle: 'Captain' });
    expect(entry).toMatchObject({ id: 'a1-crm-contact', data: { phone: PHONE, properties: { jobtitle: 'Captain' } } });
  });

  it.each([
    ['found by id', true],
    ['found by number', false],
  ])('is written to the contact %s, and twice does no harm', async (_how, byId) => {
    const id = hubSpot.contacts[0]?.id;
    const who = { crmId: byId ? id : undefined, phone: PHONE };
    for (let times = 0; times < 2; times++) expect(await crm.updateContact(who, { jobtitle: 'Captain' }, signal)).toBe(true);
    expect(hubSpot.contacts[0]?.properties).toMatchObject({ firstname: 'Dana', jobtitle: 'Captain' });
  });

  it('of somebody whom the CRM does not know is left undone', async () => {
    expect(await crm.updateContact({ phone: '+12025550177' }, { jobtitle: 'Captain' }, signal)).toBe(false);
    expect(await crm.updateContact({ crmId: '999999', phone: PHONE }, { jobtitle: 'Captain' }, signal)).toBe(false);
  });

  it('and does not exist there is a refusal that can be read', async () => {
    await expect(crm.updateContact({ phone: PHONE }, { shoe_size: '42' }, signal)).rejects.toMatchObject({
      service: 'hubspot',
      category: 'permanent',
    });
  });

  it('can be read during the call', async () => {
    await crm.updateContact({ phone: PHONE }, { jobtitle: 'Captain' }, signal);
    const found = await crm.findContact({ phone: PHONE, properties: ['jobtitle'] }, signal);
    expect(found?.properties).toMatchObject({ jobtitle: 'Captain' });
  });
});
