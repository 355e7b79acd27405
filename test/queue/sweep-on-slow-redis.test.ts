import { expect, it, onTestFinished } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { createAttemptJobs } from '../../src/queue/attempt-jobs.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import { attemptId, createKeys } from '../../src/queue/keys.ts';
import { createLeases } from '../../src/queue/leases.ts';
import { createLedger } from '../../src/queue/ledger.ts';
import { connectImpatiently, connectRedis } from '../../src/queue/redis.ts';
import { createAriConnection } from '../../src/telephony/ari-connection.ts';
import { startSweep } from '../../src/wire-sweep.ts';
import { eventually } from '../eventually.ts';
import { startIllServer } from './ill-server.ts';

const phone = '+12025550100';

it('a Redis that is slow while a worker starts: who was interrupted is called once more all the same', { timeout: 60_000 }, async ({
  skip,
}) => {
  const found = await startIllServer();
  const server = typeof found === 'string' ? skip(found) : found;
  const keys = createKeys('slow');
  const redis = connectRedis(server.url, () => {});
  const impatient = connectImpatiently(redis, () => {});
  const warnings: string[] = [];
  const log = { info() {}, warn: (...told: unknown[]) => void warnings.push(String(told[1])), error() {} };
  const leases = createLeases({ redis: impatient, keys, log });
  const ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger });
  const queue = createCallQueue(redis, keys.prefix);
  const asterisk = createAriConnection({ url: 'http://127.0.0.1:1', username: 'nobody', password: 'none', app: 'none', logger: log });
  const sink = createContactSink(redis, keys, { name: 'reminder' } as Campaign);
  await sink.add([{ phone, name: 'Ada', timeZones: ['UTC'], variables: {} }], { update: false, dryRun: false });
  await sink.close();
  const id = attemptId('reminder', phone, 1);
  const claim = await ledger.claim(id, phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  await ledger.mark(id, claim.epoch);

  await ledger.installation();
  await server.fallIll('slow');
  const jobs = createAttemptJobs({ redis: impatient, keys, queue });
  const parts = { redis: impatient, queue, jobs, keys, ledger, leases, asterisk };
  const sweep = await startSweep({ ...parts, log: log as never, cancel: async () => {} });
  onTestFinished(async () => {
    await server.recover();
    await sweep.stop();
    await Promise.all([asterisk.close(), leases.stop(), queue.close()]);
    impatient.disconnect();
    redis.disconnect();
    await server.stop();
  });
  await eventually(() => expect(warnings.join()).toMatch(/sweeping ledger failed/));
  await server.recover();
  const outcome: Outcome = { disposition: 'interrupted', reason: 'cut', startedAt: 1, endedAt: 2, talkMs: 0, transcript: [] };
  await ledger.end(id, claim.epoch, outcome, [], { campaign: 'reminder', phone, number: 2, at: Date.now() });
  await eventually(async () => expect(await queue.getJob(attemptId('reminder', phone, 2))).toBeDefined());
});
