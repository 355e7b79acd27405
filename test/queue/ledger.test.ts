import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { attemptId, createKeys, type Keys } from '../../src/queue/keys.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';

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

beforeEach(() => {
  redis = new Redis(inject('redisUrl'));
  keys = createKeys(`test-${randomUUID()}`);
  ledger = createLedger({ redis, keys, owner: 'worker 1', days: 90 });
  other = createLedger({ redis, keys, owner: 'worker 2', days: 90 });
});
afterEach(async () => {
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

async function claimed(by: Ledger): Promise<number> {
  const claim = await by.claim(id);
  if (claim.kind !== 'claimed') throw new Error(`not claimed: ${claim.kind}`);
  return claim.epoch;
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
  expect(await ledger.claim(id)).toEqual({ kind: 'ended', outcome: busy });
});

it('whoever claims last owns the attempt: the former owner can neither dial nor end it', async () => {
  await enqueue([ada]);
  const old = await claimed(ledger);
  const taken = await other.claim(id);
  expect(taken).toMatchObject({ kind: 'claimed', before: 'claimed', firstEpoch: old });
  expect(await ledger.mark(id, old)).toBe(false);
  expect(await ledger.end(id, old, busy, [entry])).toBe(false);
  expect(await redis.llen(keys.outbox)).toBe(0);
  expect(await other.mark(id, old + 1)).toBe(true);
});

it('an attempt whose phone may have rung stays so when it is taken over', async () => {
  await enqueue([ada]);
  await ledger.mark(id, await claimed(ledger));
  expect(await other.claim(id)).toMatchObject({ kind: 'claimed', before: 'dialing' });
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
  expect(await ledger.claim('nobody')).toEqual({ kind: 'unknown' });
});

it('a contact that is parked goes back to the queue and can be claimed as new', async () => {
  await enqueue([ada]);
  const epoch = await claimed(ledger);
  expect(await ledger.release(id, epoch)).toBe(true);
  expect(await other.claim(id)).toMatchObject({ before: 'queued', firstEpoch: epoch + 1 });
});

it('the installation has one id, whoever asks first', async () => {
  const ids = await Promise.all([ledger.installation(), other.installation()]);
  expect(ids[0]).toMatch(/^rf[0-9a-f]{8}$/);
  expect(ids[1]).toBe(ids[0]);
});
