import { describe, expect, it, type TestContext } from 'vitest';
import type { CallJob, CallVerdict } from '../../src/call/call-job.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { holdAttempt } from '../../src/call/hold-attempt.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { createVitalSigns } from '../../src/heartbeat/vital-signs.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createCallWorker } from '../../src/queue/call-worker.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { createDoNotCall } from '../../src/queue/do-not-call.ts';
import { startHeartbeat } from '../../src/queue/heartbeat.ts';
import { createHeartbeatStore } from '../../src/queue/heartbeat-store.ts';
import { attemptId, createKeys } from '../../src/queue/keys.ts';
import { createLeases } from '../../src/queue/leases.ts';
import { createLedger } from '../../src/queue/ledger.ts';
import { connectImpatiently, connectRedis } from '../../src/queue/redis.ts';
import { startHealthMonitor } from '../../src/web/health-monitor.ts';
import { eventually } from '../eventually.ts';
import { type Illness, type IllServer, startIllServer } from './ill-server.ts';

/* Each story has a Redis of its own that is made ill. The worker is the real one; the call between claim and end is the test's. */

const [ada, bob]: [Contact, Contact] = [
  { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} },
  { phone: '+12025550101', name: 'Bob', timeZones: ['America/New_York'], variables: {} },
];
const idOf = ({ phone }: Contact) => attemptId('reminder', phone, 1);
const completed: Outcome = { disposition: 'completed', reason: 'all said', startedAt: 1, endedAt: 2, talkMs: 1, transcript: [] };

/** A worker and a page on a Redis that can fall ill. */
async function startStory({ skip, onTestFinished }: TestContext, illness?: Illness) {
  const found = await startIllServer({ smallDisk: illness === 'out of disk' });
  const server: IllServer = typeof found === 'string' ? skip(found) : found;
  const keys = createKeys('ill');
  const redis = connectRedis(server.url, () => {});
  const impatient = connectImpatiently(redis, () => {});
  const said: string[] = [];
  const note = (_facts: object, message: string) => void said.push(message);
  const leases = createLeases({ redis: impatient, keys, log: { info: note, error: note }, timing: { leaseMs: 3_000, renewEveryMs: 100 } });
  const ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger });
  const queue = createCallQueue(redis, keys.prefix);
  const dialled: string[] = [];
  /** What happens between mark and end. */
  const talks = new Map<string, () => Promise<void>>();

  async function call({ data }: CallJob): Promise<CallVerdict> {
    const { attemptId: id, phone } = data;
    await ledger.read(id);
    const claim = await ledger.claim(id, phone);
    if (claim.kind === 'ended') return { kind: 'ended', outcome: claim.outcome };
    if (claim.kind !== 'claimed') return { kind: 'parked', until: Date.now() + 200, reason: claim.kind };
    if (!(await ledger.mark(id, claim.epoch))) return { kind: 'parked', until: Date.now() + 200, reason: 'not mine' };
    dialled.push(phone);
    await talks.get(phone)?.();
    if (!(await ledger.end(id, claim.epoch, completed, []))) throw new Error('the outcome was not written');
    return { kind: 'ended', outcome: completed };
  }
  const errors: string[] = [];
  const workers: ReturnType<typeof createCallWorker>[] = [];
  const startWorker = () => {
    const worker = createCallWorker(
      {
        ...{ connection: redis, prefix: keys.prefix, concurrency: 1, onError: ({ message }) => void errors.push(message) },
        ...{ onLocksLost: leases.loseLocks, countBroken: ledger.broke, giveUp: async () => {} },
      },
      (job) => holdAttempt(job, leases, call),
    );
    workers.push(worker);
    void worker.run();
  };
  const store = createHeartbeatStore(impatient, keys);
  const vitalSigns = createVitalSigns({ name: 'host-1', roles: ['web'], scrub: (text) => text });

  const heartbeat = startHeartbeat({ store, id: vitalSigns.id, read: vitalSigns.read, onError: () => {} });
  const page = startHealthMonitor({ own: vitalSigns, readWorkers: store.read, redisTrouble: () => heartbeat.trouble?.message });
  onTestFinished(async () => {
    await server.recover();
    page.stop();
    await heartbeat.stop();
    await Promise.all(workers.map((worker) => worker.close()));
    await leases.stop();
    await queue.close();
    impatient.disconnect();
    redis.disconnect();
    await server.stop();
  });
  return {
    ...{ server, keys, redis, leases, ledger, queue, startWorker, page, said, errors, dialled, talks },
    async enqueue(...contacts: Contact[]) {
      const sink = createContactSink(redis, keys, { name: 'reminder' } as Campaign);
      await sink.add(contacts, { update: false, dryRun: false });
      await sink.close();
    },
  };
}

describe.concurrent('a Redis that is ill', () => {
  it.for([
    ['full', /OOM.*raise maxmemory/],
    ['a replica', /READONLY.*REDIS_URL at the master|away, or too slow/],
    ['out of disk', /MISCONF.*make room/],
    ['unable to save to its disk', /MISCONF.*make room/],
    ['loading', /LOADING.*reading its data|away, or too slow/],
    ['slow', /away, or too slow/],
    ['silent', /away, or too slow/],
  ] as const)(
    'while it is %s nobody new is dialled, who is talked to is not cut, and the worker and its page say so; then it goes on',
    {
      timeout: 120_000,
    },
    async ([illness, why], context) => {
      const story = await startStory(context, illness);
      const { server, leases, queue, startWorker, page, said, errors, dialled, talks } = story;
      const adaTalks = Promise.withResolvers<void>();
      talks.set(ada.phone, () => adaTalks.promise);
      await eventually(() => expect(page.notReady()).toEqual([]));
      startWorker();
      await story.enqueue(ada);
      await eventually(() => expect(dialled).toEqual([ada.phone]));
      await story.enqueue(bob);
      const fellIllAt = performance.now();
      await server.fallIll(illness);
      await eventually(() => expect(leases.unavailable()).toMatch(why));
      // The first one is talking to Ada; this one has time for Bob.
      startWorker();
      await eventually(() => expect(page.notReady().join()).toMatch(new RegExp(`Redis can't be used: .*(${why.source}|does not answer)`)));
      const told = expect.arrayContaining([expect.stringMatching(/Redis can't be (used|written): no new call begins/)]);
      expect(page.report()).toMatchObject({ status: 'unhealthy', reasons: told });
      // Ada's talk ends meanwhile, and how it ended has to wait.
      adaTalks.resolve();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(dialled).toEqual([ada.phone]);
      // Nor does a Redis that refuses fill the log, or get busy with refusing. The leases alone are renewed ten times a second here.
      expect(errors.length).toBeLessThan(10);
      // What a replica refused is sent again over a new connection, by all of them some sixty times a second; two workers without rest would ask five hundred times.
      expect((await server.refusals()) / ((performance.now() - fellIllAt) / 1000)).toBeLessThan(150);
      expect(said).toEqual([expect.stringMatching(/Redis can't be written .*nothing new is dialled/)]);
      await server.recover();

      for (const contact of [ada, bob]) await eventually(async () => expect(await queue.getJobState(idOf(contact))).toBe('completed'));
      expect(await story.ledger.read(idOf(ada))).toMatchObject({ state: 'ended', outcome: completed });
      expect(dialled).toEqual([ada.phone, bob.phone]);
      await eventually(() => expect(said).toEqual([expect.anything(), expect.stringMatching(/can be written again/)]));
      await eventually(() => expect(page.notReady()).toEqual([]));
    },
  );

  it('an opt-out that is heard while it is full is kept as soon as it has room', { timeout: 60_000 }, async (context) => {
    const { server, redis, keys } = await startStory(context);
    await server.fallIll('full');
    let waited = 0;
    const doNotCall = createDoNotCall(redis, keys, () => waited++);
    const optOut = { campaign: 'reminder', at: 1, attempt: idOf(ada) };
    const kept = doNotCall.add(ada.phone, optOut);
    await eventually(() => expect(waited).toBe(1));
    await server.recover();
    await kept;
    expect(await doNotCall.asked(ada.phone)).toEqual(optOut);
  });
});

it('a call costs the ledger ten commands at most', { timeout: 60_000 }, async (context) => {
  const { server, ledger, queue, startWorker, enqueue } = await startStory(context);
  const contacts = Array.from({ length: 20 }, (_, index) => ({ ...ada, phone: `+12025550${100 + index}` }));
  await enqueue(...contacts);
  await ledger.installation();
  const monitor = await server.admin.monitor();
  let commands = 0;
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    const ours = args.some((arg) =>
      [':attempt:', ':lease:', ':open', ':outbox', ':installation', ':pulse'].some((key) => arg.includes(key)),
    );
    if (source !== 'lua' && ours) commands++;
  });
  startWorker();
  const since = performance.now();
  await eventually(async () => expect(await queue.getCompletedCount()).toBe(contacts.length));
  const renewals = Math.ceil((performance.now() - since) / 100) + 1;
  monitor.disconnect();
  // Claim, mark, end. Renewals are one command a second for all calls of a process together.
  expect(commands).toBeGreaterThanOrEqual(3 * contacts.length);
  expect(commands - renewals).toBeLessThanOrEqual(10 * contacts.length);
});
