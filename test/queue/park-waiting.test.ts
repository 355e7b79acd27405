import { randomUUID } from 'node:crypto';
import { Worker } from 'bullmq';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createParkWaiting } from '../../src/queue/park-waiting.ts';
import { connectRedis } from '../../src/queue/redis.ts';
import { eventually } from '../eventually.ts';

let redis: ReturnType<typeof connectRedis>;
let queue: ReturnType<typeof createCallQueue>;
let prefix: string;
const stops: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  redis = connectRedis(inject('redisUrl'), () => {});
  prefix = `test-${randomUUID()}`;
  queue = createCallQueue(redis, prefix);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await queue.close();
  await redis.del(...(await redis.keys(`${prefix}:*`)));
  redis.disconnect();
});

const add = (campaign: string, ids: string[]) =>
  queue.addBulk(
    ids.map((id) => ({
      name: campaign,
      data: { version: 1 as const, attemptId: id, campaign, phone: '+12025550100', attempt: 1 },
      opts: { jobId: id },
    })),
  );

function startWorker(concurrency = 1): string[] {
  const done: string[] = [];
  const worker = new Worker('calls', async ({ id = '' }) => void done.push(id), { connection: redis, prefix, concurrency, drainDelay: 60 });
  worker.on('error', () => {});
  stops.push(() => worker.close());
  return done;
}

it('the next contacts of one campaign are parked in their order, each later than the one before, and the others keep theirs', async () => {
  await add('ill', ['i1', 'i2']);
  await add('well', ['w1']);
  await add('ill', ['i3']);
  await add('well', ['w2']);
  const firstAt = Date.now() + 60_000;
  const parked = await createParkWaiting(redis, queue)({ campaign: 'ill', firstAt, stepMs: 50, line: 'not now: the trunk is down' });
  expect(parked).toEqual(['i1', 'i2', 'i3']);
  // As Bull Board shows them.
  expect((await queue.getDelayed()).map(({ id, delay }) => [id, Math.round(delay / 10_000)])).toEqual([
    ['i1', 6],
    ['i2', 6],
    ['i3', 6],
  ]);
  const scores = await Promise.all(parked.map((id) => redis.zscore(queue.toKey('delayed'), id)));
  expect(scores.map((score) => Number(score) / 0x1000 - firstAt)).toEqual([0, 50, 100]);
  expect((await queue.getJobLogs('i2')).logs.join()).toMatch(/^\d{4}-.*Z not now: the trunk is down$/);
  const done = startWorker();
  await eventually(() => expect(done).toEqual(['w1', 'w2']));
});

it('a worker that sleeps on an empty queue wakes when the first of them is due', async () => {
  const done = startWorker();
  await queue.pause();
  await add('ill', ['i1', 'i2']);
  await createParkWaiting(redis, queue)({ campaign: 'ill', firstAt: Date.now() + 300, stepMs: 50, line: 'not now' });
  await queue.resume();
  await eventually(() => expect(done).toEqual(['i1', 'i2']));
  expect(await queue.getJobCounts('waiting', 'delayed', 'active')).toEqual({ waiting: 0, delayed: 0, active: 0 });
});

it('what a worker has in its hands, and what nobody waits with, is left alone', async () => {
  await add('ill', ['i1', 'i2']);
  const hold = Promise.withResolvers<void>();
  const worker = new Worker('calls', () => hold.promise, { connection: redis, prefix });
  worker.on('error', () => {});
  stops.push(() => worker.close());
  await eventually(async () => expect(await queue.getJobCounts('active')).toEqual({ active: 1 }));
  const park = createParkWaiting(redis, queue);
  const request = { campaign: 'ill', firstAt: Date.now() + 60_000, stepMs: 50, line: 'not now' };
  expect(await park(request)).toEqual(['i2']);
  expect(await park(request)).toEqual([]);
  hold.resolve();
  await eventually(async () => expect(await queue.getJobState('i1')).toBe('completed'));
});
