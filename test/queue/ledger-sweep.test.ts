import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import { cancelAttempt } from '../../src/call/cancel-attempt.ts';
import type { Contact } from '../../src/call/contact.ts';
import type { OutboxEntry } from '../../src/call/outbox-entry.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { type AttemptJobs, createAttemptJobs } from '../../src/queue/attempt-jobs.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createCampaignStore } from '../../src/queue/campaign-store.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { attemptId, createKeys, type Keys } from '../../src/queue/keys.ts';
import { createLeases, type Leases } from '../../src/queue/leases.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';
import { createLedgerSweep, type LedgerSweep } from '../../src/queue/ledger-sweep.ts';
import { eventually } from '../eventually.ts';

const ada: Contact = { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} };
const campaign = { name: 'reminder' } as Campaign;
const id = attemptId('reminder', ada.phone, 1);
const interrupted: Outcome = { disposition: 'interrupted', reason: 'x', startedAt: 1, endedAt: 2, talkMs: 0, transcript: [] };
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

let redis: Redis;
let keys: Keys;
let leases: Leases;
let ledger: Ledger;
let queue: ReturnType<typeof createCallQueue>;
let jobs: AttemptJobs;
let sweep: LedgerSweep;
let cancel: (attemptId: string, reason: string) => Promise<boolean>;

beforeEach(async () => {
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  keys = createKeys(`test-${randomUUID()}`);
  leases = createLeases({ redis, keys, log: quiet, timing: { leaseMs: 300, renewEveryMs: 50 } });
  ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger });
  queue = createCallQueue(redis, keys.prefix);
  const told = { campaigns: createCampaignStore(redis, keys), crm: undefined, sheet: true, outcomeWebhook: true };
  cancel = (attempt, reason) => cancelAttempt(attempt, reason, { ...told, ledger, now: Date.now, log: quiet });
  jobs = createAttemptJobs({ redis, keys, queue });
  sweep = createLedgerSweep({ redis, keys, queue, jobs, cancel, log: quiet, graceMs: -1 });
  const sink = createContactSink(redis, keys, campaign);
  await sink.add([ada], { update: false, dryRun: false });
  await sink.close();
});
afterEach(async () => {
  await leases.stop();
  await jobs.stop();
  await queue.close();
  const found = await redis.keys(`${keys.prefix}:*`);
  if (found.length > 0) await redis.del(...found);
  await redis.quit();
});

/** As a worker that dies with the attempt in this state. */
async function abandoned(state: 'claimed' | 'dialing') {
  const hold = leases.enter(id);
  const claim = await ledger.claim(id, ada.phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  if (state === 'dialing') await ledger.mark(id, claim.epoch);
  hold?.leave();
  await eventually(async () => expect(await redis.exists(keys.lease(id))).toBe(0));
}

it('an attempt in order is left alone', async () => {
  const before = await redis.hgetall(keys.attempt(id));
  await sweep.sweep();
  expect(await redis.hgetall(keys.attempt(id))).toEqual(before);
  expect(await queue.getWaitingCount()).toBe(1);
});

it('a contact whose job never came to be (the producer was killed in between) gets its job', async () => {
  await queue.remove(id);
  await redis.hdel(keys.attempt(id), 'job');
  await sweep.sweep();
  expect((await queue.getJob(id))?.data).toEqual({
    version: 1,
    attemptId: id,
    campaign: 'reminder',
    phone: ada.phone,
    name: 'Ada',
    attempt: 1,
  });
  await queue.remove(id);
  await sweep.sweep();
  expect(await ledger.read(id)).toMatchObject({ state: 'ended' });
});

it('a contact that was enqueued this moment is left to its producer', async () => {
  await queue.remove(id);
  await redis.hdel(keys.attempt(id), 'job');
  await createLedgerSweep({ redis, keys, queue, jobs, cancel, log: quiet }).sweep();
  expect(await queue.getJob(id)).toBeUndefined();
});

it('removing a job in Bull Board cancels the contact, also one that a dead worker had claimed', async () => {
  await abandoned('claimed');
  await queue.remove(id);
  await sweep.sweep();
  expect(await ledger.read(id)).toMatchObject({
    state: 'ended',
    outcome: { disposition: 'cancelled', reason: expect.stringMatching(/removed/) },
  });
  expect(await queue.getJob(id)).toBeUndefined();
  await sweep.sweep();
  const outbox = (await redis.lrange(keys.outbox, 0, -1)).map((entry) => JSON.parse(entry) as OutboxEntry);
  const data = { disposition: 'cancelled', contact: { phone: ada.phone, name: 'Ada' }, attempt: 1, redialAt: null };
  expect(outbox).toMatchObject([
    { id: `${id}-sheet`, kind: 'sheet-row', data: { disposition: 'cancelled', phone: ada.phone } },
    { id: `${id}-webhook`, kind: 'outcome-webhook', data: { type: 'attempt.ended', data } },
  ]);
});

it('a contact that a worker is at work on is not cancelled under its hands', async () => {
  const hold = leases.enter(id);
  await ledger.claim(id, ada.phone);
  await queue.remove(id);
  await sweep.sweep();
  expect(await ledger.read(id)).toMatchObject({ state: 'claimed' });
  hold?.leave();
});

it('an attempt whose phone may have rung comes back to the queue even if its job was removed: how it ended must be written down', async () => {
  await abandoned('dialing');
  await queue.remove(id);
  await sweep.sweep();
  expect(await queue.getJobState(id)).toBe('waiting');
  expect(await ledger.read(id)).toMatchObject({ state: 'dialing' });
});

it('an open attempt whose job is over already is put back', async () => {
  const job = await queue.getJob(id);
  await redis.hset(queue.toKey(id), 'finishedOn', String(Date.now()));
  await redis.lrem(queue.toKey('wait'), 0, id);
  await redis.zadd(queue.toKey('failed'), Date.now(), id);
  expect(job).toBeDefined();
  await sweep.sweep();
  expect(await queue.getJobState(id)).toBe('waiting');
});

it('the redial of an interrupted call becomes a job that waits for its time', async () => {
  const hold = leases.enter(id);
  const claim = await ledger.claim(id, ada.phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  const at = Date.now() + 300_000;
  await ledger.end(id, claim.epoch, interrupted, [], { campaign: 'reminder', phone: ada.phone, number: 2, at });
  hold?.leave();
  await sweep.sweep();
  const next = attemptId('reminder', ada.phone, 2);
  const job = await queue.getJob(next);
  expect(job?.data).toMatchObject({ attemptId: next, attempt: 2, phone: ada.phone, name: 'Ada' });
  expect(await job?.getState()).toBe('delayed');
  expect(job?.delay).toBeGreaterThan(240_000);
  expect(await redis.llen(keys.minted)).toBe(0);
});

/** As a worker that writes how its call ended, with a redial that is due now. */
async function endsWithRedial() {
  const hold = leases.enter(id);
  const claim = await ledger.claim(id, ada.phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  await ledger.end(id, claim.epoch, interrupted, [], { campaign: 'reminder', phone: ada.phone, number: 2, at: Date.now() });
  hold?.leave();
}

it('a redial gets its job as soon as the outcome is written, without waiting for a sweep', async () => {
  await endsWithRedial();
  jobs.redialWritten();
  await eventually(async () => expect(await queue.getJobState(attemptId('reminder', ada.phone, 2))).toBe('waiting'));
  await eventually(async () => expect(await redis.keys(keys.sweeping('*'))).toEqual([]));
  expect(await redis.llen(keys.minted)).toBe(0);
});

it('one process at a time makes jobs of redials; what one that died has left is made when its turn is over', async () => {
  await endsWithRedial();
  await redis.set(keys.sweeping('redials'), 'another process', 'PX', 200);
  await jobs.makeRedials();
  expect(await queue.getJob(attemptId('reminder', ada.phone, 2))).toBeUndefined();
  await eventually(async () => expect(await redis.exists(keys.sweeping('redials'))).toBe(0));
  await sweep.sweep();
  expect(await queue.getJob(attemptId('reminder', ada.phone, 2))).toBeDefined();
});

it('redials that are written while others get their jobs get theirs, too', async () => {
  await endsWithRedial();
  const others = ['x', 'y', 'z'].map((phone) => attemptId('reminder', phone, 2));
  jobs.redialWritten();
  for (const other of others) {
    await redis.hset(keys.attempt(other), { state: 'queued', campaign: 'reminder', number: 2, contact: JSON.stringify(ada) });
    await redis.rpush(keys.minted, other);
    jobs.redialWritten();
  }
  await eventually(async () => expect(await queue.getJobCountByTypes('waiting')).toBe(5));
});

it('a number that nobody is calling any more is free again', async () => {
  await abandoned('claimed');
  await sweep.sweep();
  expect(await redis.hlen(keys.reservations)).toBe(1);
  await redis.hset(keys.attempt(id), 'state', 'queued');
  await sweep.sweep();
  expect(await redis.hlen(keys.reservations)).toBe(0);
});

it('with more open attempts than one look takes, what was removed, never made or lost without a word is found at once', async () => {
  const many = Array.from({ length: 6_000 }, (_, index) => ({ ...ada, phone: `+1202555${String(index + 1_000)}` }));
  const sink = createContactSink(redis, keys, campaign);
  for (let from = 0; from < many.length; from += 1_000) await sink.add(many.slice(from, from + 1_000), { update: false, dryRun: false });
  await sink.close();
  const [removed, neverMade, vanished] = ['+12025556997', '+12025556998', '+12025556999'].map((phone) =>
    attemptId('reminder', phone, 1),
  ) as [string, string, string];
  await queue.remove(removed);
  const job = (await queue.getJob(neverMade))?.data;
  await redis
    .multi()
    .lrem(queue.toKey('wait'), 1, neverMade)
    .del(queue.toKey(neverMade))
    .hdel(keys.attempt(neverMade), 'job')
    .zadd(keys.jobless, 1, neverMade)
    .exec();
  await redis.multi().lrem(queue.toKey('wait'), 1, vanished).del(queue.toKey(vanished)).exec();
  await sweep.sweep();
  expect(await ledger.read(removed)).toMatchObject({ state: 'ended', outcome: { disposition: 'cancelled' } });
  expect((await queue.getJob(neverMade))?.data).toEqual(job);
  expect(await redis.zcard(keys.jobless)).toBe(0);
  expect(await ledger.read(vanished)).toMatchObject({ state: 'ended' });
});

it('a queue that was wiped out is noticed by its count: every contact is cancelled, but for those that may have been dialled', async () => {
  const many = Array.from({ length: 1_200 }, (_, index) => ({ ...ada, phone: `+1202555${String(index + 1_000)}` }));
  const sink = createContactSink(redis, keys, campaign);
  await sink.add(many, { update: false, dryRun: false });
  await sink.close();
  await abandoned('dialing');
  await queue.obliterate({ force: true });
  await sweep.sweep();
  expect(await redis.zrange(keys.open, '0', '-1')).toEqual([id]);
  expect(await queue.getJobState(id)).toBe('waiting');
});

it('a job that vanished while its call is going on is settled when the call has ended', async () => {
  const looks: string[] = [];
  const note = async (attempt: string) => void looks.push(attempt);
  const patient = createLedgerSweep({ redis, keys, queue, jobs, cancel: note, log: quiet, graceMs: -1 });
  const hold = leases.enter(id);
  await ledger.claim(id, ada.phone);
  await redis.multi().lrem(queue.toKey('wait'), 1, id).del(queue.toKey(id)).exec();
  await patient.sweep();
  expect(looks).toEqual([]);
  hold?.leave();
  await eventually(async () => expect(await redis.exists(keys.lease(id))).toBe(0));
  await patient.sweep();
  expect(looks).toEqual([id]);
});

it('a removal is found also when it happened while no worker was there, and looked for once', async () => {
  await queue.remove(id);
  const cancelled: string[] = [];
  const note = async (attempt: string) => void cancelled.push(attempt);
  const patient = createLedgerSweep({ redis, keys, queue, jobs, cancel: note, log: quiet });
  await patient.sweep();
  await createLedgerSweep({ redis, keys, queue, jobs, cancel: note, log: quiet }).sweep();
  // Too young for the slow look.
  expect(cancelled).toEqual([id]);
});
