import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import type { CrmDelivery, OutboxEntry } from '../../src/call/outbox-entry.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { attemptId, createKeys, type Keys } from '../../src/queue/keys.ts';
import { createLeases, type Leases } from '../../src/queue/leases.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';
import { eventually } from '../eventually.ts';

const ada: Contact = { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} };
const ben: Contact = { ...ada, phone: '+12025550101', name: 'Ben' };
const campaign = { name: 'reminder' } as Campaign;
const id = attemptId('reminder', ada.phone, 1);
const busy: Outcome = { disposition: 'busy', reason: 'busy (cause 17)', startedAt: 1, endedAt: 2, talkMs: 0, transcript: [] };
const entry = { id: 'x-crm', kind: 'crm-call-record' as const, data: { key: 'x' } as never };

let redis: Redis;
let keys: Keys;
let ledger: Ledger;
let other: Ledger;
let leases: Leases;
let othersLeases: Leases;

const log = { info: () => {}, error: () => {} };
/** A lease's whole life within a test. */
const timing = { leaseMs: 1_500, renewEveryMs: 150 };

beforeEach(() => {
  redis = new Redis(inject('redisUrl'));
  keys = createKeys(`test-${randomUUID()}`);
  leases = createLeases({ redis, keys, log, timing });
  othersLeases = createLeases({ redis, keys, log, timing });
  ledger = createLedger({ redis, keys, owner: 'worker 1', days: 90, leases: leases.ledger });
  other = createLedger({ redis, keys, owner: 'worker 2', days: 90, leases: othersLeases.ledger });
});
afterEach(async () => {
  await leases.stop();
  await othersLeases.stop();
  const found = await redis.keys(`${keys.prefix}:*`);
  if (found.length > 0) await redis.del(...found);
  await redis.quit();
});

async function enqueue(contacts: Contact[], options = { update: false, dryRun: false }) {
  const sink = createContactSink(redis, keys, campaign);
  try {
    return await sink.add(contacts, options);
  } finally {
    await sink.close();
  }
}

/** As a worker does it: with a hold, whose lease is renewed until `leave`. */
async function claimed(by: Ledger): Promise<number> {
  const hold = (by === ledger ? leases : othersLeases).enter(id);
  const claim = await by.claim(id, ada.phone);
  if (claim.kind !== 'claimed') throw new Error(`not claimed: ${claim.kind}`);
  if (by === ledger) leave = hold?.leave ?? leave;
  return claim.epoch;
}
let leave = () => {};

/** The first worker dies: it renews no more, and its lease runs out. Takes the attempt over as soon as that is allowed. */
async function takenOver() {
  leave();
  othersLeases.enter(id);
  return eventually(async () => {
    const claim = await other.claim(id, ada.phone);
    if (claim.kind === 'leased') throw new Error(`leased for ${claim.waitMs} ms`);
    return claim;
  });
}

it('enqueueing the same file twice adds nothing twice, and a second number in one file is a duplicate', async () => {
  expect(await enqueue([ada, ben, ada])).toEqual(['added', 'added', 'duplicate']);
  expect(await enqueue([ada, ben])).toEqual(['duplicate', 'duplicate']);
  const queue = createCallQueue(redis, keys.prefix);
  expect(await queue.getWaitingCount()).toBe(2);
  await queue.close();
});

it('a run that was killed between the ledger and the queue is completed by the next one', async () => {
  await enqueue([ada]);
  const queue = createCallQueue(redis, keys.prefix);
  await queue.remove(id);
  expect(await queue.getWaitingCount()).toBe(0);
  expect(await enqueue([ada])).toEqual(['duplicate']);
  expect(await queue.getWaitingCount()).toBe(1);
  await queue.close();
});

it('--update replaces the data of those not yet dialled, and of nobody else', async () => {
  await enqueue([ada, ben]);
  await claimed(ledger);
  const update = { update: true, dryRun: false };
  expect(
    await enqueue(
      [
        { ...ada, name: 'Ada L.' },
        { ...ben, name: 'Benedict' },
      ],
      update,
    ),
  ).toEqual(['already-dialled', 'updated']);
  expect(await ledger.read(attemptId('reminder', ben.phone, 1))).toMatchObject({ contact: { name: 'Benedict' } });
  expect(await ledger.read(id)).toMatchObject({ contact: { name: 'Ada' } });
});

it('--dry-run tells what would happen and writes nothing', async () => {
  expect(await enqueue([ada], { update: false, dryRun: true })).toEqual(['added']);
  expect(await ledger.read(id)).toBeUndefined();
  expect(await redis.zcard(keys.open)).toBe(0);
});

it('an ended attempt is not called again, however often its file is enqueued', async () => {
  await enqueue([ada]);
  await ledger.end(id, await claimed(ledger), busy, []);
  expect(await enqueue([ada], { update: true, dryRun: false })).toEqual(['already-dialled']);
  expect(await ledger.claim(id, ada.phone)).toEqual({ kind: 'ended', outcome: busy });
});

it('whoever claims last owns the attempt: the former owner can neither dial nor end it', async () => {
  await enqueue([ada]);
  const old = await claimed(ledger);
  const taken = await takenOver();
  expect(taken).toMatchObject({ kind: 'claimed', before: 'claimed', firstEpoch: old });
  expect(await ledger.mark(id, old)).toBe(false);
  expect(await ledger.end(id, old, busy, [entry])).toBe(false);
  expect(await redis.llen(keys.outbox)).toBe(0);
  expect(await other.mark(id, old + 1)).toBe(true);
});

it('an attempt whose phone may have rung stays so when it is taken over', async () => {
  await enqueue([ada]);
  await ledger.mark(id, await claimed(ledger));
  expect(await takenOver()).toMatchObject({ kind: 'claimed', before: 'dialing' });
  expect(await other.release(id, 2)).toBe(false);
});

it('a step that is sent again changes nothing and answers the same', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  expect([await ledger.mark(id, epoch), await ledger.mark(id, epoch)]).toEqual([true, true]);
  expect([await ledger.end(id, epoch, busy, [entry]), await ledger.end(id, epoch, busy, [entry])]).toEqual([true, true]);
  expect(await redis.llen(keys.outbox)).toBe(1);
});

it('the outcome and its outbox entries are written together, the contact data is dropped and the entry expires', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  await ledger.mark(id, epoch);
  expect(await ledger.end(id, epoch, busy, [entry])).toBe(true);
  expect(await redis.lrange(keys.outbox, 0, -1)).toEqual([JSON.stringify(entry)]);
  expect(await redis.hexists(keys.attempt(id), 'contact')).toBe(0);
  expect(await redis.ttl(keys.attempt(id))).toBeGreaterThan(89 * 86_400);
  expect(await redis.zcard(keys.open)).toBe(0);
});

it('an attempt that was never claimed can be neither marked nor ended', async () => {
  await enqueue([ada]);
  expect(await ledger.mark(id, 0)).toBe(false);
  expect(await ledger.end(id, 0, busy, [])).toBe(false);
  expect(await ledger.claim('nobody', ada.phone)).toEqual({ kind: 'unknown' });
});

it('a contact that is parked goes back to the queue and can be claimed as new', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  expect(await ledger.release(id, epoch)).toBe(true);
  expect(await other.claim(id, ada.phone)).toMatchObject({ before: 'queued', firstEpoch: epoch + 1 });
});

it('whom the callee is put through to is known to whoever takes the call over, until the call has ended', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  const talk = { to: 'front_desk', calleeId: 'callee', colleagueId: 'colleague', at: 1, ending: { answeredAt: 1 } };
  expect(await ledger.putThrough(id, epoch, talk)).toBe(false);
  await ledger.mark(id, epoch);
  expect(await ledger.putThrough(id, epoch, talk)).toBe(true);
  expect(await ledger.arePutThrough([id, 'a-nobody'])).toEqual([true, false]);
  const claim = await takenOver();
  expect(await other.read(id)).toMatchObject({ state: 'dialing', putThrough: talk });
  // The former owner can't change it any more.
  expect(await ledger.putThrough(id, epoch, undefined)).toBe(false);
  await other.end(id, claim.kind === 'claimed' ? claim.epoch : 0, busy, []);
  expect(await ledger.arePutThrough([id])).toEqual([false]);
});

it('the installation has one id, whoever asks first', async () => {
  const ids = await Promise.all([ledger.installation(), other.installation()]);
  expect(ids[0]).toMatch(/^rf[0-9a-f]{8}$/);
  expect(ids[1]).toBe(ids[0]);
});

it('a worker that is at work on an attempt keeps it, however often another one asks', async () => {
  await enqueue([ada]);
  await claimed(ledger);
  const since = Date.now();
  while (Date.now() - since < 3 * timing.leaseMs) {
    expect(await other.claim(id, ada.phone)).toMatchObject({ kind: 'leased', waitMs: expect.any(Number) });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

it('a dead worker is waited for no longer than its lease', async () => {
  await enqueue([ada]);
  await claimed(ledger);
  const since = Date.now();
  expect(await takenOver()).toMatchObject({ kind: 'claimed', epoch: 2 });
  expect(Date.now() - since).toBeLessThan(10 * timing.leaseMs);
});

it('when all workers were cut off from Redis nobody is taken over before a lease has passed: the owner comes back in time', async () => {
  await enqueue([ada]);
  await claimed(ledger);
  await leases.stop();
  await othersLeases.stop();
  await eventually(async () => expect(await redis.exists(keys.lease(id), keys.pulse)).toBe(0));
  expect(await other.claim(id, ada.phone)).toEqual({ kind: 'leased', waitMs: timing.leaseMs });
  // They are back, the owner as the last one.
  const back = createLeases({ redis, keys, log, timing });
  try {
    await eventually(async () => expect(await redis.exists(keys.pulse)).toBe(1));
    expect(await other.claim(id, ada.phone)).toMatchObject({ kind: 'leased' });
    await eventually(async () => expect(await other.claim(id, ada.phone)).toMatchObject({ kind: 'claimed' }));
    expect(Date.now() - Number(await redis.get(keys.pulse))).toBeGreaterThanOrEqual(timing.leaseMs - 50);
  } finally {
    await back.stop();
  }
});

it('whoever is not sure of the attempt does not dial: its queue lock is lost, its lease is old, or its time is up before Redis answers', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  leases.loseLocks([id]);
  expect(await ledger.mark(id, epoch)).toBe(false);
  expect(await ledger.read(id)).toMatchObject({ state: 'claimed' });

  const second = await takenOver();
  if (second.kind !== 'claimed') throw new Error(second.kind);
  await othersLeases.stop();
  await eventually(() => expect(othersLeases.ledger.certainMs(id)).toBe(0));
  expect(await other.mark(id, second.epoch)).toBe(false);
  await eventually(async () => expect(await redis.exists(keys.lease(id))).toBe(0));
  // A clock that stood still meanwhile would let it try: Redis' own clock stands in the way.
  othersLeases.ledger.claimed(id, second.epoch, performance.now());
  expect(await other.mark(id, second.epoch)).toBe(false);
  expect(await ledger.read(id)).toMatchObject({ state: 'claimed' });
});

it('a Redis that answers too late gets no phone rung', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  await leases.stop();
  const slow = new Redis(inject('redisUrl'));
  const marking = createLedger({ redis: slow, keys, owner: 'worker 1', days: 90, leases: leases.ledger });
  await slow.ping();
  // This connection is told to wait for something that never comes.
  const blocked = slow.brpop('never', 60);
  expect(await marking.mark(id, epoch)).toBe(false);
  slow.disconnect();
  await blocked.catch(() => {});
});

it('a worker reads that its attempt is somebody else’s by now, and ends its call', async () => {
  await enqueue([ada]);
  const hold = leases.enter(id);
  await ledger.claim(id, ada.phone);
  await redis.hset(keys.attempt(id), 'epoch', '7');
  await eventually(() => expect(hold?.lost.aborted).toBe(true));
});

it('a worker whose entry is gone from Redis talks on: only a higher epoch ends a call', async () => {
  await enqueue([ada]);
  const hold = leases.enter(id);
  await ledger.claim(id, ada.phone);
  await redis.del(keys.attempt(id));
  await new Promise((resolve) => setTimeout(resolve, 5 * timing.renewEveryMs));
  expect(hold?.lost.aborted).toBe(false);
});

it('a process does not take an attempt over from itself', () => {
  const hold = leases.enter(id);
  expect(leases.enter(id)).toBeUndefined();
  hold?.leave();
  expect(leases.enter(id)).toBeDefined();
});

it('a call that is dialled again under a new epoch is not taken for another worker’s', async () => {
  await enqueue([ada]);
  const hold = leases.enter(id);
  await ledger.claim(id, ada.phone);
  for (let epoch = 2; epoch < 40; epoch++) {
    expect(await ledger.claim(id, ada.phone)).toMatchObject({ kind: 'claimed', epoch });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(hold?.lost.aborted).toBe(false);
  expect(await ledger.mark(id, 39)).toBe(true);
});

it('a renewal that was under way while the call was dialled again is not taken for another worker’s claim', async () => {
  await enqueue([ada]);
  const slow = new Redis(inject('redisUrl'));
  const late = createLeases({ redis: slow, keys, log, timing });
  const dialling = createLedger({ redis, keys, owner: 'worker 3', days: 90, leases: late.ledger });
  try {
    const hold = late.enter(id);
    await dialling.claim(id, ada.phone);
    // What this connection is told next waits a second: a renewal of the first epoch arrives when there is a second one.
    const waiting = slow.brpop('never', 1);
    await new Promise((resolve) => setTimeout(resolve, 3 * timing.renewEveryMs));
    expect(await dialling.claim(id, ada.phone)).toMatchObject({ kind: 'claimed', epoch: 2 });
    await waiting;
    await new Promise((resolve) => setTimeout(resolve, 3 * timing.renewEveryMs));
    expect(hold?.lost.aborted).toBe(false);
  } finally {
    await late.stop();
    slow.disconnect();
  }
});

it('one number is called for one campaign at a time, and by the next one right after', async () => {
  const second = attemptId('survey', ada.phone, 1);
  await enqueue([ada]);
  const sink = createContactSink(redis, keys, { name: 'survey' } as Campaign);
  await sink.add([ada], { update: false, dryRun: false });
  await sink.close();
  const epoch = await claimed(ledger);
  expect(await other.claim(second, ada.phone)).toEqual({ kind: 'number-busy' });
  await ledger.mark(id, epoch);
  expect(await other.claim(second, ada.phone)).toEqual({ kind: 'number-busy' });
  await ledger.end(id, epoch, busy, []);
  expect(await redis.hlen(keys.reservations)).toBe(0);
  expect(await other.claim(second, ada.phone)).toMatchObject({ kind: 'claimed' });
});

it('a number that is parked or lost sight of blocks nobody', async () => {
  const second = attemptId('survey', ada.phone, 1);
  await enqueue([ada]);
  const sink = createContactSink(redis, keys, { name: 'survey' } as Campaign);
  await sink.add([ada], { update: false, dryRun: false });
  await sink.close();
  await ledger.release(id, await claimed(ledger));
  await redis.hset(keys.reservations, [...Object.entries(await redis.hgetall(keys.reservations)).flat(), 'x', 'y']);
  expect(await other.claim(second, ada.phone)).toMatchObject({ kind: 'claimed' });
});

it('the redial of an interrupted attempt is minted with its outcome, with the contact, once', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  await ledger.mark(id, epoch);
  const redial = { campaign: 'reminder', phone: ada.phone, number: 2, at: 1_900_000_000_000 };
  const interrupted: Outcome = { ...busy, disposition: 'interrupted' };
  expect([await ledger.end(id, epoch, interrupted, [], redial), await ledger.end(id, epoch, interrupted, [], redial)]).toEqual([
    true,
    true,
  ]);
  const next = attemptId('reminder', ada.phone, 2);
  expect(await redis.lrange(keys.minted, 0, -1)).toEqual([next]);
  expect(await ledger.read(next)).toMatchObject({ state: 'queued', contact: ada });
  expect(await redis.hmget(keys.attempt(next), 'number', 'dueAt', 'campaign')).toEqual(['2', '1900000000000', 'reminder']);
  expect(await redis.zrange(keys.open, 0, '-1')).toEqual([next]);
});

it('a contact whose job was removed is cancelled, unless somebody is at work on it or its phone may have rung', async () => {
  await enqueue([ada]);
  const cancelled: Outcome = { ...busy, disposition: 'cancelled' };
  const epoch = await claimed(ledger);
  expect(await other.cancel(id, cancelled, [])).toBe(false);
  await ledger.release(id, epoch);
  const told: OutboxEntry = { id: `${id}-crm`, kind: 'crm-call-record', data: {} as CrmDelivery };
  expect([await other.cancel(id, cancelled, [told]), await other.cancel(id, cancelled, [told])]).toEqual([true, false]);
  expect(await redis.lrange(keys.outbox, 0, -1)).toEqual([JSON.stringify(told)]);
  expect(await ledger.claim(id, ada.phone)).toEqual({ kind: 'ended', outcome: cancelled });
  expect(await redis.zcard(keys.open)).toBe(0);

  await redis.hset(keys.attempt(id), 'state', 'dialing');
  expect(await other.cancel(id, cancelled, [])).toBe(false);
});
