import type { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { GentleWorker } from '../resilience/gentle-worker.ts';
import { sleep } from '../sleep.ts';
import { tellSparingly } from '../tell-sparingly.ts';
import type { Alert, ChannelName, Message } from './alert.ts';
import { alertQueueName, createAlertQueue, DELIVERY_WAITS_MS, enqueueMessages } from './alert-queues.ts';
import type { Channel } from './channel.ts';
import { deliverMessage } from './deliver-message.ts';
import { createGrouping } from './grouping.ts';
import type { RenderOptions } from './render.ts';

export interface AlertWorkersOptions extends RenderOptions {
  redis: Redis;
  prefix: string;
  channels: readonly Channel[];
  windowMs: number;
  /** Where dead letters are kept: `DATA_DIR/dead-letters`. */
  deadLetterDir: string;
  /** Tells on the other channels that one doesn't deliver. */
  raise: (alert: Alert) => void;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  clock?: (() => number) | undefined;
  /** How long one sending may take. Milliseconds. */
  deadlineMs?: number;
  /** Waits between deliveries of one message. Milliseconds. */
  waitsMs?: readonly number[];
  /** How often windows that are over are looked for. Milliseconds. */
  lookEveryMs?: number;
}

export interface AlertWorkers {
  /** Idempotent. */
  start(): void;
  /** Finishes the sendings under way. Idempotent. */
  stop(): Promise<void>;
}

/** Sends what is to be told, each channel by its own queue, and says at the end of a window what was counted in it. */
export function createAlertWorkers(options: AlertWorkersOptions): AlertWorkers {
  const { redis, prefix, channels, windowMs, log, clock = Date.now, lookEveryMs = 500 } = options;
  const grouping = createGrouping({ redis, prefix, windowMs, clock });
  const queues = new Map<ChannelName, Queue<Message>>();
  const workers = channels.map((channel) => {
    const queue = createAlertQueue(redis, prefix, channel.name);
    queues.set(channel.name, queue);
    return createChannelWorker(channel, queue, options);
  });
  const stopping = new AbortController();
  let watching: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function watchWindows(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await grouping.flush();
        while ((await grouping.relay((messages) => enqueueMessages(queues, messages))) > 0);
      } catch (error) {
        if (!stopping.signal.aborted) log.error({ service: 'redis', err: error }, 'alerts could not be looked for');
      }
      await sleep(lookEveryMs, stopping.signal).catch(() => {});
    }
  }

  return {
    start() {
      if (watching || closing) return;
      watching = channels.length === 0 ? Promise.resolve() : watchWindows();
      for (const worker of workers) void worker.run().catch((error: unknown) => log.error({ err: error }, 'an alert worker ended'));
    },
    stop() {
      closing ??= (async () => {
        stopping.abort();
        await Promise.all(workers.map((worker) => worker.close()));
        // Without Redis the last look never ends.
        const over = new AbortController();
        await Promise.race([watching, sleep(1_000, over.signal)]);
        over.abort();
        await Promise.all([...queues.values()].map((queue) => queue.close()));
      })();
      return closing;
    },
  };
}

function createChannelWorker(channel: Channel, queue: Queue<Message>, options: AlertWorkersOptions): Worker<Message> {
  const { redis: connection, prefix, log, waitsMs = DELIVERY_WAITS_MS, deadlineMs = 20_000, clock = Date.now } = options;
  const worker: Worker<Message> = new GentleWorker<Message>(
    alertQueueName(channel.name),
    (job, _token, signal) => deliverMessage(job, { ...options, channel, queue, waitsMs, deadlineMs, clock, signal }),
    {
      connection,
      prefix,
      // In the order in which it was told, and one at a time as Telegram wants it.
      concurrency: 1,
      autorun: false,
      maxStalledCount: 1_000_000,
      settings: { backoffStrategy: (attemptsMade) => waitsMs[attemptsMade - 1] ?? -1 },
    },
  );
  worker.on(
    'error',
    tellSparingly((error) => log.error({ err: error }, `queue ${worker.name}: ${error.message}`)),
  );
  return worker;
}
