import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Fleet } from './breaker.ts';
import { type BreakerNews, type BreakerRecord, createBreakerStore, type FleetView } from './breaker-store.ts';

export interface FleetLinkOptions {
  redis: Redis;
  prefix: string;
  processId: string;
  services: readonly string[];
  healthWorker: boolean;
  /** Asks the service in the name of another process. Undefined where this process can't. */
  probeFor: ((service: string) => Promise<'well' | 'failed'>) | undefined;
  /** How long another process may take with it. Milliseconds. */
  probePatienceMs: (service: string) => number;
  onRecords: (records: BreakerRecord[]) => void;
  /** Undefined in a process that only looks. Whatever it rejects is told again later. */
  tell: ((news: BreakerNews) => Promise<void>) | undefined;
  onError: (error: unknown) => void;
  /** Between two looks at Redis, should a push be lost. Milliseconds. */
  syncEveryMs: number;
}

export interface FleetLink extends Fleet {
  /** Resolves after the first look at Redis, also when that failed. */
  start(): Promise<void>;
  /** Nobody waits for an answer of another process any longer. */
  abandonAsks(): void;
  stop(): Promise<void>;
}

type Ask = { ask: string; service: string; by: string } | { answer: string; verdict: 'well' | 'failed' };

/** A process counts as alive for this many looks after its last one. */
const LOOKS_ALIVE = 5;
/** A frozen Redis must not hold up a call. Milliseconds. */
const COMMAND_TIMEOUT_MS = 1_000;
/** A command that fails later than this failed because this process didn't run meanwhile. Milliseconds. */
const SLEPT_MS = 1.5 * COMMAND_TIMEOUT_MS;

/** Keeps a process and Redis of one mind about the breakers. Its commands fail at once when Redis is away, and are never sent late. */
export function createFleetLink(options: FleetLinkOptions): FleetLink {
  const { redis, prefix, processId, services, syncEveryMs } = options;
  const commands = redis.duplicate({
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: () => syncEveryMs,
  });
  const subscriber = redis.duplicate({ lazyConnect: true, maxRetriesPerRequest: null, retryStrategy: () => syncEveryMs });
  // The next look tells whether it matters.
  for (const connection of [commands, subscriber]) connection.on('error', () => {});
  const store = createBreakerStore({ redis: commands, prefix, processId });
  const waiting = new Map<string, (verdict: 'well' | 'failed' | 'nobody-answered') => void>();
  const presence = {
    ttlMs: syncEveryMs * LOOKS_ALIVE,
    prober: options.probeFor !== undefined,
    healthWorker: options.healthWorker,
    tellsNews: options.tell !== undefined,
  };
  let connected = false;
  let others = 0;
  let healthWorkers = 0;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let stopped = false;

  async function tellOnce(news: BreakerNews): Promise<void> {
    await options.tell?.(news);
    await store.told(news.id);
  }

  /** Whoever didn't run for a while finds the time to be up before they find the answer, which says nothing of Redis: they ask once more. */
  async function sync(): Promise<FleetView> {
    const askedAt = performance.now();
    try {
      return await store.sync(services, presence);
    } catch (error) {
      if (performance.now() - askedAt < SLEPT_MS) throw error;
      return store.sync(services, presence);
    }
  }

  async function look(): Promise<void> {
    try {
      const view = await sync();
      if (!connected) await store.announce(services);
      connected = true;
      ({ others, healthWorkers } = view);
      options.onRecords(view.records);
      for (const news of view.news) tellOnce(news).catch(options.onError);
    } catch (error) {
      if (connected) options.onError(error);
      connected = false;
      others = 0;
      healthWorkers = 0;
      options.onRecords([]);
    }
  }

  function lookNow(): Promise<void> {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  /** Resolves after a look that begins from now on; one that is under way may have missed what just changed. */
  function refresh(): Promise<void> {
    if (stopped) return Promise.resolve();
    if (looking === undefined) return lookNow();
    next ??= looking.then(() => {
      next = undefined;
      return stopped ? undefined : lookNow();
    });
    return next;
  }

  async function onAsk(ask: Ask): Promise<void> {
    if ('answer' in ask) return waiting.get(ask.answer)?.(ask.verdict);
    if (ask.by === processId || options.probeFor === undefined || !services.includes(ask.service)) return;
    if (!(await store.claim(ask.ask, options.probePatienceMs(ask.service)))) return;
    const verdict = await options.probeFor(ask.service);
    const answer: Ask = { answer: ask.ask, verdict };
    await commands.publish(store.asksChannel, JSON.stringify(answer));
  }

  subscriber.on('message', (channel: string, text: string) => {
    if (stopped) return;
    const heard = channel === store.asksChannel ? onAsk(JSON.parse(text) as Ask) : refresh();
    heard.catch(options.onError);
  });

  return {
    store,
    get connected() {
      return connected;
    },
    get others() {
      return others;
    },
    get healthWorkers() {
      return healthWorkers;
    },
    refresh,
    async secondOpinion(service) {
      const id = randomUUID();
      let late: NodeJS.Timeout | undefined;
      try {
        return await new Promise<'well' | 'failed' | 'nobody-answered'>((resolve, reject) => {
          late = setTimeout(() => resolve('nobody-answered'), options.probePatienceMs(service));
          waiting.set(id, resolve);
          commands.publish(store.asksChannel, JSON.stringify({ ask: id, service, by: processId } satisfies Ask)).catch(reject);
        });
      } finally {
        clearTimeout(late);
        waiting.delete(id);
      }
    },
    async start() {
      if (timer !== undefined) return;
      timer = setInterval(() => void lookNow(), syncEveryMs);
      timer.unref();
      // Listening comes first: a change between the look and the subscription would be seen a second late.
      subscriber.subscribe(store.changesChannel, store.asksChannel).catch(options.onError);
      await commands.connect().catch(() => {});
      await lookNow();
    },
    abandonAsks() {
      for (const answer of waiting.values()) answer('nobody-answered');
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      await looking;
      if (connected) await store.leave().catch(() => {});
      commands.disconnect();
      subscriber.disconnect();
    },
  };
}
