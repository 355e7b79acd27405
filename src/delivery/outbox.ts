import { DelayedError, Queue, type Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { OutboxEntry } from '../call/outbox-entry.ts';
import { GentleWorker } from '../resilience/gentle-worker.ts';
import { sleep } from '../sleep.ts';
import { tellSparingly } from '../tell-sparingly.ts';

export const DELIVERY_QUEUE = 'delivery';

/** How many entries become jobs at a time. */
const BATCH = 200;

/** Waits of 5 s, 10 s, 20 s … 11.4 h, 22.8 h in all: a CRM that is down for a day delays its records and loses none. */
const DELIVERY_ATTEMPTS = 15;

export function createDeliveryQueue(connection: Redis, prefix: string): Queue<OutboxEntry> {
  const queue = new Queue<OutboxEntry>(DELIVERY_QUEUE, {
    connection,
    prefix,
    skipWaitingForReady: true,
    defaultJobOptions: {
      attempts: DELIVERY_ATTEMPTS,
      backoff: { type: 'exponential', delay: 5_000 },
      removeOnComplete: { age: 7 * 86_400, count: 50_000 },
      removeOnFail: false,
    },
  });
  // Told by the connection; without a listener BullMQ would write it to the console itself.
  queue.on('error', () => {});
  return queue;
}

/**
 * Makes jobs of what `end` wrote. Entries leave the list only after their jobs exist; a relay that dies in between, or
 * two at a time, make the same job ids again, which BullMQ ignores.
 * @returns how many entries it moved.
 */
export async function relayOutbox(redis: Redis, outboxKey: string, queue: Queue<OutboxEntry>): Promise<number> {
  const rows = await redis.lrange(outboxKey, 0, BATCH - 1);
  if (rows.length === 0) return 0;
  const entries = rows.map((row) => JSON.parse(row) as OutboxEntry);
  await queue.addBulk(entries.map((entry) => ({ name: entry.kind, data: entry, opts: { jobId: entry.id } })));
  for (const row of rows) await redis.lrem(outboxKey, 1, row);
  return rows.length;
}

export interface DeliveryWorkerOptions {
  connection: Redis;
  prefix: string;
  onError: (error: Error) => void;
  /** For how long an entry waits whose service wasn't to be asked; it spends no try. Undefined: an error like any other. Milliseconds. */
  heldBackMs?: (error: unknown, signal: AbortSignal) => Promise<number | undefined>;
}

/** `deliver` hears how often an entry has been tried before; what it throws is tried again later. */
export function createDeliveryWorker(
  options: DeliveryWorkerOptions,
  deliver: (entry: OutboxEntry, tries: number, signal: AbortSignal) => Promise<void>,
): Worker<OutboxEntry> {
  const worker = new GentleWorker<OutboxEntry>(
    DELIVERY_QUEUE,
    async (job, token, signal = new AbortController().signal) => {
      try {
        await deliver(job.data, job.attemptsMade, signal);
      } catch (error) {
        const waitMs = await options.heldBackMs?.(error, signal);
        if (waitMs === undefined) throw error;
        await job.moveToDelayed(Date.now() + waitMs, token);
        throw new DelayedError();
      }
    },
    { connection: options.connection, prefix: options.prefix, concurrency: 5, autorun: false, maxStalledCount: 1_000_000 },
  );
  worker.on('error', tellSparingly(options.onError));
  return worker;
}

export interface OutboxRelayOptions {
  redis: Redis;
  outboxKey: string;
  queue: Queue<OutboxEntry>;
  onError: (error: Error) => void;
}

/** How often the list is looked at when it is empty. Milliseconds. */
const LOOK_EVERY_MS = 500;

/** Relays until stopped; `stop` relays what is there once more. */
export function startOutboxRelay({ redis, outboxKey, queue, onError }: OutboxRelayOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const tell = tellSparingly(onError);
  const relay = async () => {
    try {
      return await relayOutbox(redis, outboxKey, queue);
    } catch (error) {
      tell(error instanceof Error ? error : new Error(String(error)));
      return 0;
    }
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      if ((await relay()) === 0) await sleep(LOOK_EVERY_MS, stopping.signal).catch(() => {});
    }
    await relay();
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
