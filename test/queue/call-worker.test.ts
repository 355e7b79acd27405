import { randomUUID } from 'node:crypto';
import { Job } from 'bullmq';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import type { CallJob, CallVerdict } from '../../src/call/call-job.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { giveUp } from '../../src/call/give-up.ts';
import { holdAttempt } from '../../src/call/hold-attempt.ts';
import type { OutboxEntry } from '../../src/call/outbox-entry.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createCallWorker } from '../../src/queue/call-worker.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { attemptId, createKeys } from '../../src/queue/keys.ts';
import { createLeases } from '../../src/queue/leases.ts';
import { createLedger } from '../../src/queue/ledger.ts';
import { connectRedis } from '../../src/queue/redis.ts';
import { sleep } from '../../src/sleep.ts';
import { eventually } from '../eventually.ts';

const ada: Contact = { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} };
const id = attemptId('reminder', ada.phone, 1);
const completed: Outcome = { disposition: 'completed', reason: 'all said', startedAt: 1, endedAt: 2, talkMs: 1, transcript: [] };
/** BullMQ looks for dead workers every 1.5 s. */
const LOCK_MS = 2_000;
const quiet = { info: () => {}, error: () => {} };

const stops: (() => Promise<unknown>)[] = [];
let redis: ReturnType<typeof connectRedis>;
let keys: ReturnType<typeof createKeys>;
let queue: ReturnType<typeof createCallQueue>;

beforeEach(async () => {
  redis = connectRedis(inject('redisUrl'), () => {});
  keys = createKeys(`test-${randomUUID()}`);
  queue = createCallQueue(redis, keys.prefix);
  const sink = createContactSink(redis, keys, { name: 'reminder' } as Campaign);
  await sink.add([ada], { update: false, dryRun: false });
  await sink.close();
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await queue.close();
  const found = await redis.keys(`${keys.prefix}:*`);
  if (found.length > 0) await redis.del(...found);
  redis.disconnect();
});

/** Of an installation that has an outcome webhook and no CRM. */
const told = {
  ...{ campaigns: { load: async () => undefined }, crm: undefined, sheet: false, outcomeWebhook: true },
  ...{ redial: { interruptedMs: 1 }, alertCallFailed: () => {}, now: Date.now },
};

type Call = (job: CallJob, parts: { ledger: ReturnType<typeof createLedger> }) => Promise<CallVerdict>;

function startWorker(call: Call, onLook = () => {}) {
  const leases = createLeases({ redis, keys, log: quiet });
  const ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger });
  const worker = createCallWorker(
    {
      ...{ connection: redis, prefix: keys.prefix, concurrency: 5, lockMs: LOCK_MS, onError: () => {} },
      ...{ onLocksLost: leases.loseLocks, countBroken: ledger.broke },
      giveUp: (data, reason) => giveUp(data, reason, { ...told, ledger }),
    },
    (job) => {
      onLook();
      return holdAttempt(job, leases, (held) => call(held, { ledger }));
    },
  );
  stops.push(
    () => leases.stop(),
    () => worker.close(),
  );
  void worker.run();
  return { ledger, leases };
}

it('a process that was too busy to renew its lock does not take its own living call over', { timeout: 60_000 }, async () => {
  let looks = 0;
  let dials = 0;
  let cut = false;
  startWorker(
    async (job, { ledger }) => {
      const claim = await ledger.claim(id, ada.phone);
      if (claim.kind === 'ended') return { kind: 'ended', outcome: claim.outcome };
      if (claim.kind !== 'claimed') return { kind: 'parked', until: Date.now() + 200, reason: claim.kind };
      if (!(await ledger.mark(id, claim.epoch))) throw new Error('not marked');
      dials++;
      // The event loop stands still for longer than the lock lasts.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_MS + 500);
      const before = looks;
      await eventually(() => expect(looks).toBeGreaterThan(before));
      await sleep(1_500);
      cut = job.signal.aborted;
      expect(await ledger.end(id, claim.epoch, completed, [])).toBe(true);
      return { kind: 'ended', outcome: completed };
    },
    () => looks++,
  );
  await eventually(async () => expect(await queue.getJobState(id)).toBe('completed'));
  expect([dials, cut]).toEqual([1, false]);
  expect((await queue.getJob(id))?.returnvalue).toMatchObject({ disposition: 'completed' });
});

it('a contact that breaks the worker again and again ends as failed, with the reason, instead of going round for ever', async () => {
  await redis.hset(keys.attempt(id), 'broke', '29');
  const { ledger } = startWorker(async () => {
    throw new TypeError('a defect');
  });
  await eventually(async () => expect(await queue.getJobState(id)).toBe('failed'));
  expect(await ledger.read(id)).toMatchObject({
    state: 'ended',
    outcome: { disposition: 'failed', reason: expect.stringMatching(/30 unexpected errors.*a defect/) },
  });
  const outbox = (await redis.lrange(keys.outbox, 0, -1)).map((entry) => JSON.parse(entry) as OutboxEntry);
  expect(outbox).toMatchObject([{ kind: 'outcome-webhook', data: { data: { disposition: 'failed', attemptId: id } } }]);
});

it('a defect of ours costs no contact: it is looked at again, and its log says why', async () => {
  startWorker(async () => {
    throw new TypeError('a defect');
  });
  await eventually(async () => expect(await queue.getJobState(id)).toBe('delayed'));
  expect((await queue.getJobLogs(id)).logs.join()).toMatch(/looked at again in a minute.*a defect/);
});

it('a contact that can not be parked does not fail for it: its lock runs out, and it is looked at again', { timeout: 60_000 }, async () => {
  let looks = 0;
  const moveToDelayed = vi.spyOn(Job.prototype, 'moveToDelayed').mockRejectedValueOnce(new Error('Command timed out'));
  stops.push(() => Promise.resolve(moveToDelayed.mockRestore()));
  startWorker(async (_job, { ledger }) => {
    looks++;
    if (looks === 1) return { kind: 'parked', until: Date.now(), reason: 'not now' };
    const claim = await ledger.claim(id, ada.phone);
    if (claim.kind !== 'claimed') throw new Error(claim.kind);
    await ledger.end(id, claim.epoch, completed, []);
    return { kind: 'ended', outcome: completed };
  });
  await eventually(async () => expect(['completed', 'failed']).toContain(await queue.getJobState(id)));
  expect([looks, await queue.getJobState(id)]).toEqual([2, 'completed']);
});
