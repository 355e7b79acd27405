import { Queue, type Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { GentleWorker } from '../resilience/gentle-worker.ts';
import { tellSparingly } from '../tell-sparingly.ts';

export const HEALTH_QUEUE = 'health';
const SCHEDULER = 'health-checks';

/** What each service was found to be. */
export type HealthFindings = Record<string, string>;

export function createHealthQueue(connection: Redis, prefix: string): Queue<unknown, HealthFindings> {
  const queue = new Queue<unknown, HealthFindings>(HEALTH_QUEUE, { connection, prefix, skipWaitingForReady: true });
  // Told by the connection; without a listener BullMQ would write it to the console itself.
  queue.on('error', () => {});
  return queue;
}

/** One check a tick for the whole fleet, however many workers ask for it; the last one's interval holds. */
export async function scheduleHealthChecks(queue: Queue<unknown, HealthFindings>, everyMs: number): Promise<void> {
  const opts = { attempts: 1, removeOnComplete: { count: 20 }, removeOnFail: { count: 50 } };
  await queue.upsertJobScheduler(SCHEDULER, { every: everyMs }, { name: 'health-check', opts });
}

export interface HealthWorkerOptions {
  connection: Redis;
  prefix: string;
  onError: (error: Error) => void;
}

/** Runs the checks. It starts with `run()`. */
export function createHealthWorker(
  { connection, prefix, onError }: HealthWorkerOptions,
  check: (signal: AbortSignal) => Promise<HealthFindings>,
): Worker<unknown, HealthFindings> {
  const worker = new GentleWorker<unknown, HealthFindings>(
    HEALTH_QUEUE,
    (_job, _token, signal) => check(signal ?? new AbortController().signal),
    // A check that its worker took with it is not worth repeating: the next tick comes soon.
    { connection, prefix, concurrency: 1, autorun: false, maxStalledCount: 0 },
  );
  worker.on('error', tellSparingly(onError));
  return worker;
}
