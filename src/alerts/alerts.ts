import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { sleep } from '../sleep.ts';
import type { Alert, ChannelName, Message } from './alert.ts';
import { createAlertQueue, enqueueMessages } from './alert-queues.ts';
import { cleanAlert } from './clean-alert.ts';
import { createGrouping } from './grouping.ts';

export interface AlertsOptions {
  /** A connection whose commands wait until Redis is back. */
  redis: Redis;
  prefix: string;
  /** Those that are configured. Without any, alerts are only logged. */
  channels: readonly ChannelName[];
  /** How long what follows a message is only counted. Milliseconds. */
  windowMs: number;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Takes secrets out of a text. */
  redact?: ((text: string) => string) | undefined;
  /** How many alerts wait in memory while Redis is away; then the oldest are dropped, and their number is logged. */
  maxWaiting?: number;
  /** Unix milliseconds. */
  clock?: (() => number) | undefined;
}

export interface Alerts {
  /** For Bull Board. */
  readonly queues: readonly Queue<Message>[];
  /** Tells humans, or counts what they have been told already. Never throws and never waits: without Redis, alerts wait in memory. */
  raise(alert: Alert): void;
  /** Resolves when everything raised so far is in Redis, so safe from this process' end. Rejects when `signal` aborts. */
  settled(signal?: AbortSignal): Promise<void>;
  /** What Redis could not be told within two seconds is logged, word for word. Idempotent. */
  stop(): Promise<void>;
}

/** From here on the log says that alerts wait. Milliseconds. */
const SLOW_MS = 5_000;
const RETRY_MS = 1_000;
/** On their way to Redis at a time. */
const BATCH = 100;
const STOP_MS = 2_000;

export function createAlerts(options: AlertsOptions): Alerts {
  const { redis, prefix, channels, windowMs, log, redact = (text) => text, clock = Date.now, maxWaiting = 10_000 } = options;
  const queues = new Map(channels.map((channel) => [channel, createAlertQueue(redis, prefix, channel)]));
  // Without a listener the queue's error would end the process; the connection's owner logs it.
  for (const queue of queues.values()) queue.on('error', () => {});
  const grouping = createGrouping({ redis, prefix, windowMs, clock });
  const stopping = new AbortController();
  let waiting: Alert[] = [];
  let dropped = 0;
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function store(batch: Alert[]): Promise<void> {
    const slow = setTimeout(() => log.warn({ service: 'redis' }, 'alerts wait in memory: Redis does not answer'), SLOW_MS);
    try {
      const told = await Promise.all(batch.map((alert) => grouping.raise(alert)));
      if (told.some((messages) => messages > 0)) await grouping.relay((messages) => enqueueMessages(queues, messages));
    } finally {
      clearTimeout(slow);
    }
  }

  async function work(): Promise<void> {
    while (waiting.length > 0 && !stopping.signal.aborted) {
      const batch = waiting.slice(0, BATCH);
      try {
        await store(batch);
        // Some may have been dropped in the meantime.
        const stored = new Set(batch);
        waiting = waiting.filter((alert) => !stored.has(alert));
      } catch (error) {
        log.error({ service: 'redis', err: error }, 'alerts could not be stored; they are tried again');
        await sleep(RETRY_MS, stopping.signal).catch(() => {});
      }
    }
    if (dropped > 0) log.error({ dropped }, `${dropped} alerts were dropped while Redis was away: more than ${maxWaiting} waited`);
    dropped = 0;
  }

  async function stop(): Promise<void> {
    await Promise.race([running, sleep(STOP_MS, stopping.signal)]).catch(() => {});
    stopping.abort();
    for (const alert of waiting) log.error({ alert }, 'this alert could not be told: Redis is away');
    await Promise.race([Promise.all([...queues.values()].map((queue) => queue.close())), sleep(STOP_MS)]).catch(() => {});
  }

  return {
    queues: [...queues.values()],
    raise(alert) {
      try {
        const clean = cleanAlert(alert, redact);
        if (channels.length === 0 || closing) {
          log.warn({ alert: clean }, 'an alert that no channel tells');
          return;
        }
        if (waiting.length >= maxWaiting) {
          waiting.shift();
          dropped += 1;
        }
        waiting.push(clean);
        running ??= work().finally(() => {
          running = undefined;
        });
      } catch (error) {
        log.error({ err: error }, 'an alert could not be raised');
      }
    },
    async settled(signal) {
      while (running) await (signal ? Promise.race([running, aborted(signal)]) : running);
    },
    stop() {
      closing ??= stop();
      return closing;
    },
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
