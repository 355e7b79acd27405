import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { CallDeps, OwnedCall } from '../../src/call/call-deps.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { optOut } from '../../src/call/opt-out.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createCampaignStore } from '../../src/queue/campaign-store.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { createDoNotCall } from '../../src/queue/do-not-call.ts';
import { attemptId, createKeys, type Keys } from '../../src/queue/keys.ts';
import { createLeases, type Leases } from '../../src/queue/leases.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';

const ada: Contact = { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} };
const ben: Contact = { ...ada, phone: '+12025550101', name: 'Ben' };
const campaignOf = (name: string) => ({ name, callerId: '+12025550199', language: 'en-US' }) as Campaign;
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

let redis: Redis;
let keys: Keys;
let leases: Leases;
let ledger: Ledger;
let queue: ReturnType<typeof createCallQueue>;

beforeEach(() => {
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  keys = createKeys(`test-${randomUUID()}`);
  leases = createLeases({ redis, keys, log: quiet });
  ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger });
  queue = createCallQueue(redis, keys.prefix);
});
afterEach(async () => {
  await leases.stop();
  await queue.close();
  const found = await redis.keys(`${keys.prefix}:*`);
  if (found.length > 0) await redis.del(...found);
  await redis.quit();
});

async function enqueue(campaign: string, contacts: Contact[]) {
  const sink = createContactSink(redis, keys, campaignOf(campaign));
  await sink.add(contacts, { update: false, dryRun: false });
  await sink.close();
}

it('who opts out is remembered at once, and what is queued for their number is cancelled in every campaign; nobody else', async () => {
  await enqueue('reminder', [ada, ben]);
  await enqueue('survey', [ada, ben]);
  const [mine, theirs] = [attemptId('reminder', ada.phone, 1), attemptId('survey', ada.phone, 1)];
  const hold = leases.enter(mine);
  const claim = await ledger.claim(mine, ada.phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  const redial = { campaign: 'recall', phone: ada.phone, number: 2, at: Date.now() + 3_600_000 };
  await enqueue('recall', [ada]);
  await redis.hset(keys.attempt(attemptId('recall', ada.phone, 1)), 'state', 'ended');
  await redis.hset(keys.attempt(attemptId('recall', ada.phone, 2)), {
    ...{ state: 'queued', epoch: 0, campaign: 'recall', number: 2, contact: JSON.stringify(ada) },
  });

  const looked: string[] = [];
  const whenLooked: (string | undefined)[] = [];
  const deps: Partial<CallDeps> = {
    ...{ ledger, doNotCall: createDoNotCall(redis, keys), campaigns: createCampaignStore(redis, keys) },
    ...{ crm: undefined, sheet: false, outcomeWebhook: true, log: quiet, now: () => Date.parse('2026-11-22T10:00:00Z') },
    lookNow: async (id) => {
      looked.push(id);
      whenLooked.push((await ledger.read(id))?.state);
    },
  };
  const logged: string[] = [];
  const job = { log: (line: string) => void logged.push(line) } as OwnedCall['job'];
  const call: OwnedCall = { attemptId: mine, epoch: claim.epoch, campaign: campaignOf('reminder'), contact: ada, startedAt: 0, job };
  await optOut(call, deps as CallDeps);
  await optOut(call, deps as CallDeps);

  expect(await createDoNotCall(redis, keys).asked(ada.phone)).toMatchObject({ campaign: 'reminder', attempt: mine });
  expect(await ledger.read(mine)).toMatchObject({ state: 'claimed' });
  const cancelled = [theirs, attemptId(redial.campaign, ada.phone, redial.number)];
  for (const id of cancelled) {
    const outcome = { disposition: 'cancelled', reason: 'asked on 2026-11-22 not to be called again' };
    expect(await ledger.read(id)).toMatchObject({ state: 'ended', outcome });
  }
  expect(looked.sort()).toEqual([...cancelled].sort());
  // A worker killed in between leaves no job that waits for its hour although its attempt is over.
  expect(whenLooked).toEqual(['queued', 'queued']);
  expect(logged).toHaveLength(2);
  expect(await redis.llen(keys.outbox)).toBe(2);
  for (const campaign of ['reminder', 'survey'])
    expect(await ledger.read(attemptId(campaign, ben.phone, 1))).toMatchObject({ state: 'queued' });
  hold?.leave();
});
