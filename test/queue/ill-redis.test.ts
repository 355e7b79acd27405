import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { CallJob, CallVerdict } from '../../src/call/call-job.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { holdAttempt } from '../../src/call/hold-attempt.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createCallWorker } from '../../src/queue/call-worker.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { createDoNotCall } from '../../src/queue/do-not-call.ts';
import { attemptId, createKeys, type Keys } from '../../src/queue/keys.ts';
import { createLeases, type Leases } from '../../src/queue/leases.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';
import { connectImpatiently, connectRedis } from '../../src/queue/redis.ts';
import { type RedisServer, startRedis } from '../../src/sandbox/redis-server.ts';
import { eventually } from '../eventually.ts';

/* A Redis of this file's own, that is made ill. The worker is the real one; the call between claim and end is the test's. */

const ada: Contact = { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} };
const id = attemptId('reminder', ada.phone, 1);
const completed: Outcome = { disposition: 'completed', reason: 'all said', startedAt: 1, endedAt: 2, talkMs: 1, transcript: [] };

let server: RedisServer;
let dataDir: string;
let admin: Redis;
let redis: Redis;
let impatient: Redis;
let keys: Keys;
let leases: Leases;
let ledger: Ledger;
let worker: ReturnType<typeof createCallWorker>;
let queue: ReturnType<typeof createCallQueue>;
let said: string[];
let waited: number;
/** What happens between mark and end. */
let talk: () => Promise<void>;
let dials: number;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringfence-ill-'));
  server = await startRedis({ dataDir, debianDir: 'data/debian' });
  admin = new Redis(server.url);
});
afterAll(async () => {
  await admin?.quit();
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async (test) => {
  if (server.kind === 'javascript') test.skip();
  [said, waited, dials] = [[], 0, 0];
  talk = async () => {};
  keys = createKeys(`test-${randomUUID()}`);
  redis = connectRedis(server.url, () => {});
  impatient = connectImpatiently(redis, () => {});
  const note = (_facts: object, message: string) => void said.push(message);
  leases = createLeases({ redis: impatient, keys, log: { info: note, error: note }, timing: { leaseMs: 3_000, renewEveryMs: 100 } });
  ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger, onWait: () => waited++ });
  queue = createCallQueue(redis, keys.prefix);
  worker = createCallWorker(
    {
      ...{ connection: redis, prefix: keys.prefix, concurrency: 5, onError: () => {} },
      ...{ onLocksLost: leases.loseLocks, countBroken: ledger.broke, giveUp: async () => {} },
    },
    (job) => holdAttempt(job, leases, call),
  );
});
afterEach(async (test) => {
  if (test.task.result?.state === 'skip' || server.kind === 'javascript') return;
  await empty();
  await serveAgain();
  await worker.close();
  await leases.stop();
  await queue.close();
  impatient.disconnect();
  redis.disconnect();
  await admin.flushall();
});

async function call(job: CallJob): Promise<CallVerdict> {
  await ledger.read(job.data.attemptId);
  const claim = await ledger.claim(job.data.attemptId, job.data.phone);
  if (claim.kind === 'ended') return { kind: 'ended', outcome: claim.outcome };
  if (claim.kind !== 'claimed') return { kind: 'parked', until: Date.now() + 200, reason: claim.kind };
  if (!(await ledger.mark(job.data.attemptId, claim.epoch))) return { kind: 'parked', until: Date.now() + 200, reason: 'not mine' };
  dials++;
  await talk();
  if (!(await ledger.end(job.data.attemptId, claim.epoch, completed, []))) throw new Error('the outcome was not written');
  return { kind: 'ended', outcome: completed };
}

async function enqueue(contacts = [ada]) {
  const sink = createContactSink(redis, keys, { name: 'reminder' } as Campaign);
  await sink.add(contacts, { update: false, dryRun: false });
  await sink.close();
}

const fill = async () => void (await admin.config('SET', 'maxmemory', '1'));
const empty = async () => void (await admin.config('SET', 'maxmemory', '0'));
const serveNobody = async () => void (await admin.replicaof('127.0.0.1', '1'));
const serveAgain = async () => void (await admin.replicaof('NO', 'ONE'));

it.each([
  ['full', fill, empty, /OOM/],
  ['a replica that may not be written', serveNobody, serveAgain, /READONLY|timed out|closed/],
])('while Redis is %s the outcome of a call waits, and the worker says so', { timeout: 60_000 }, async (_, harm, mend, why) => {
  let mended: Promise<void> | undefined;
  talk = async () => {
    await harm();
    await eventually(() => expect(leases.unavailable()).toMatch(why));
    mended = eventually(() => expect(said).toHaveLength(1)).then(async () => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await mend();
    });
  };
  await enqueue();
  void worker.run();
  await eventually(async () => expect(await queue.getJobState(id)).toBe('completed'));
  await mended;
  expect(await ledger.read(id)).toMatchObject({ state: 'ended', outcome: completed });
  await eventually(() => expect(said).toHaveLength(2));
  expect(said[0]).toMatch(/Redis can't be written .*nothing new is dialled/);
  expect(said[1]).toMatch(/can be written again/);
  expect(dials).toBe(1);
});

it('while Redis is full nobody is dialled and no contact fails; afterwards everybody is called once', { timeout: 60_000 }, async () => {
  const contacts = Array.from({ length: 12 }, (_, index) => ({ ...ada, phone: `+12025550${100 + index}` }));
  await enqueue(contacts);
  await fill();
  await eventually(() => expect(leases.unavailable()).toMatch(/OOM/));
  void worker.run();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(dials).toBe(0);
  await empty();
  await eventually(async () => expect(await queue.getCompletedCount()).toBe(contacts.length));
  expect(await queue.getFailedCount()).toBe(0);
  expect(dials).toBe(contacts.length);
});

it('an opt-out that is heard while Redis is full is kept as soon as it has room', { timeout: 60_000 }, async () => {
  await fill();
  const doNotCall = createDoNotCall(redis, keys, () => waited++);
  const kept = doNotCall.add(ada.phone, { campaign: 'reminder', at: 1, attempt: id });
  await eventually(() => expect(waited).toBe(1));
  await empty();
  await kept;
  expect(await doNotCall.asked(ada.phone)).toEqual({ campaign: 'reminder', at: 1, attempt: id });
});

it('a call costs the ledger ten commands at most', { timeout: 60_000 }, async () => {
  const contacts = Array.from({ length: 20 }, (_, index) => ({ ...ada, phone: `+12025550${100 + index}` }));
  await enqueue(contacts);
  await ledger.installation();
  const monitor = await admin.duplicate().monitor();
  let commands = 0;
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    const ours = args.some((arg) =>
      [':attempt:', ':lease:', ':open', ':outbox', ':installation', ':pulse'].some((key) => arg.includes(key)),
    );
    if (source !== 'lua' && ours) commands++;
  });
  void worker.run();
  const since = performance.now();
  await eventually(async () => expect(await queue.getCompletedCount()).toBe(contacts.length));
  const renewals = Math.ceil((performance.now() - since) / 100) + 1;
  monitor.disconnect();
  // Claim, mark, end. Renewals are one command a second for all calls of a process together.
  expect(commands).toBeGreaterThanOrEqual(3 * contacts.length);
  expect(commands - renewals).toBeLessThanOrEqual(10 * contacts.length);
});
