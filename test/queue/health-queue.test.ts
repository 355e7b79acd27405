import { randomUUID } from 'node:crypto';
import type { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { createHealthQueue, createHealthWorker, type HealthFindings, scheduleHealthChecks } from '../../src/queue/health-queue.ts';

let redis: Redis;
let prefix: string;
let queue: ReturnType<typeof createHealthQueue>;
let workers: Worker[];
beforeEach(() => {
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  prefix = `test-${randomUUID()}`;
  queue = createHealthQueue(redis, prefix);
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.close()));
  await queue.close();
  const left = await redis.keys(`${prefix}:*`);
  if (left.length > 0) await redis.del(...left);
  await redis.quit();
});

function startWorker(check: () => Promise<HealthFindings>): void {
  const worker = createHealthWorker({ connection: redis, prefix, onError: () => {} }, check);
  workers.push(worker);
  void worker.run();
}

it('three health workers make one check a tick between them, the first at once', async () => {
  const checkedAt: number[] = [];
  for (let i = 0; i < 3; i++) {
    startWorker(async () => {
      checkedAt.push(Date.now());
      return { hubspot: 'well' };
    });
    await scheduleHealthChecks(queue, 300);
  }
  await vi.waitFor(() => expect(checkedAt.length).toBeGreaterThanOrEqual(6), { timeout: 15_000, interval: 20 });
  const ticks = new Set(checkedAt.map((at) => Math.floor(at / 300)));
  // A late worker may push a check over the edge of its tick, but never adds one.
  const lasted = (Math.max(...checkedAt) - Math.min(...checkedAt)) / 300;
  expect(checkedAt.length).toBeLessThanOrEqual(lasted + 2);
  expect(ticks.size).toBeGreaterThanOrEqual(checkedAt.length / 2);
  expect(await queue.getJobSchedulersCount()).toBe(1);
});

it('a check that fails keeps nobody from the next one, and what one found can be read', async () => {
  let checks = 0;
  startWorker(async () => {
    checks += 1;
    if (checks === 1) throw new Error('a defect of ours');
    return { hubspot: 'failed' };
  });
  await scheduleHealthChecks(queue, 100);
  await vi.waitFor(async () => expect((await queue.getCompleted())[0]?.returnvalue).toEqual({ hubspot: 'failed' }), {
    timeout: 15_000,
    interval: 20,
  });
});

it('a new interval replaces the old one', async () => {
  await scheduleHealthChecks(queue, 30_000);
  await scheduleHealthChecks(queue, 60_000);
  expect((await queue.getJobSchedulers()).map(({ every }) => every)).toEqual([60_000]);
});
