import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Breaker, BreakerChange, BreakerLog, BreakerScope, Fleet, OwnedBreaker, ServiceDefinition, TrialResult } from './breaker.ts';
import { accountOf, judge } from './breaker-policy.ts';
import type { BreakerCause, BreakerNews } from './breaker-store.ts';
import { deadlineError, withDeadline } from './deadline.ts';
import { createFleetLink } from './fleet-link.ts';
import type { Refusal } from './held-back.ts';
import { createBreaker } from './service-breaker.ts';

export interface BreakersOptions {
  services: Readonly<Record<string, ServiceDefinition>>;
  /** Shares the breakers with every process on this Redis and prefix. Undefined: this process is alone. Connections of its own are made from it. */
  redis?: Redis | undefined;
  prefix: string;
  /** This process runs health checks, so that others leave the trials to it. Default false. */
  healthWorker?: boolean | undefined;
  /**
   * Hears of every change once in the fleet; again, with the same id, when it failed or its process died meanwhile. It never
   * touches a call. Undefined in a process that only looks.
   */
  onChange?: ((change: BreakerChange) => void | Promise<void>) | undefined;
  log: BreakerLog;
  syncEveryMs?: number | undefined;
}

export interface Breakers {
  /** A service that is met on the way, a trunk say. Does nothing when it is known. */
  add(service: string, definition: ServiceDefinition): void;
  of(service: string): Breaker;
  list(): Breaker[];
  /**
   * The first of `services` that isn't to be asked, if there is one. Synchronous, for every job's admission. Where no
   * probe exists, a call must be the trial: then one call at a time is told `undefined`.
   */
  refusing(services: readonly string[]): Refusal | undefined;
  /** Calls were not placed because of this service. @param calls each counted once, however often it is looked at. */
  heldBack(service: string, ...calls: string[]): void;
  /** By a human: stays so until a human closes it. */
  open(service: string, reason: string): Promise<void>;
  close(service: string): Promise<void>;
  /** One data-plane trial of a service that isn't well. @param early also before the time is up. */
  trial(service: string, options: { early: boolean }): Promise<TrialResult>;
  /** The breaker's services with their definitions, for health checks. */
  readonly services: Readonly<Record<string, ServiceDefinition>>;
  /** Resolves when the state of the fleet is known, or known to be out of reach. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const SYNC_EVERY_MS = 1_000;
/** Nobody counts further while Redis is away. */
const HELD_BACK_ALONE_LIMIT = 100_000;

const ALONE: Fleet = {
  connected: false,
  others: 0,
  healthWorkers: 0,
  store: undefined,
  refresh: async () => {},
  secondOpinion: async () => 'nobody-answered',
};

export function createBreakers(options: BreakersOptions): Breakers {
  const { prefix, log } = options;
  const processId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const services: Record<string, ServiceDefinition> = {};
  const names: string[] = [];
  const table = new Map<string, OwnedBreaker>();
  const heldBackAlone = new Map<string, Set<string>>();
  const of = (service: string): OwnedBreaker => {
    const found = table.get(service);
    if (found === undefined) throw new Error(`There is no breaker for ${service}; there are: ${[...table.keys()].join(', ')}.`);
    return found;
  };

  const { onChange } = options;
  const told = async (news: BreakerNews, scope: BreakerScope) =>
    onChange?.({ ...news, scope, account: accountOf(news.service, services[news.service]) });
  const notTold = (error: unknown, { kind, service }: BreakerNews) =>
    log.error({ err: error, service }, `${kind} of ${service} could not be told`);

  const link =
    options.redis &&
    createFleetLink({
      redis: options.redis,
      prefix,
      processId,
      services: names,
      healthWorker: options.healthWorker ?? false,
      probeFor: Object.values(options.services).some(({ dataPlane }) => dataPlane)
        ? (service) => probe(service, services[service])
        : undefined,
      probePatienceMs: (service) => (services[service]?.policy.probeDeadlineMs ?? 0) + 2_000,
      onRecords: (records) => {
        for (const record of records) of(record.service).adopt(record);
        for (const breaker of table.values()) breaker.tick();
      },
      tell: onChange && ((news) => told(news, 'fleet')),
      onError: (error) => log.warn({ service: 'redis', err: error }, 'Redis can’t be asked about breakers: this process decides alone'),
      syncEveryMs: options.syncEveryMs ?? SYNC_EVERY_MS,
    });
  const fleet: Fleet = link ?? ALONE;

  function add(service: string, definition: ServiceDefinition): void {
    if (table.has(service)) return;
    services[service] = definition;
    names.push(service);
    const breaker = createBreaker({
      service,
      definition,
      fleet,
      processId,
      // Whoever listens can't hurt a call.
      tellLocal: (news) => void told(news, 'local').catch((error: unknown) => notTold(error, news)),
      log,
      heldBackAlone: () => heldBackAlone.get(service)?.size ?? 0,
      onAccountFailure: (account, cause) => {
        for (const [name, one] of table) if (accountOf(name, services[name]) === account) one.openLocally(cause);
      },
    });
    table.set(service, breaker);
    if (fleet.connected) fleet.store?.announce([service]).catch(() => {});
  }
  for (const [service, definition] of Object.entries(options.services)) add(service, definition);

  return {
    services,
    add,
    of,
    list: () => [...table.values()],
    refusing(names) {
      const notClosed = names.map(of).filter(({ state }) => state !== 'closed');
      return notClosed.find((breaker) => !breaker.ticket())?.refusal();
    },
    heldBack(service, ...calls) {
      if (fleet.connected) fleet.store?.heldBack(service, calls).catch(() => {});
      const alone = heldBackAlone.get(service) ?? new Set();
      heldBackAlone.set(service, alone);
      if (of(service).scope === 'fleet') alone.clear();
      else for (const call of calls) if (alone.size < HELD_BACK_ALONE_LIMIT) alone.add(call);
    },
    async open(service, reason) {
      const cause: BreakerCause = { message: reason, code: 'opened-by-hand', category: 'manual' };
      of(service);
      if (fleet.connected && fleet.store !== undefined) await fleet.store.open(service, cause, 0);
      else of(service).openLocally(cause);
    },
    async close(service) {
      if (fleet.connected && fleet.store !== undefined) await fleet.store.close(service, 'any');
      of(service).closeByHand();
    },
    trial: (service, { early }) => of(service).trial({ early }),
    start: async () => link?.start(),
    async stop() {
      const stopped = [...table.values()].map((breaker) => breaker.stop());
      link?.abandonAsks();
      await Promise.all(stopped);
      await link?.stop();
    },
  };
}

async function probe(service: string, definition: ServiceDefinition | undefined): Promise<'well' | 'failed'> {
  if (definition?.dataPlane === undefined) return 'well';
  const { dataPlane, policy } = definition;
  const deadlineMs = policy.probeDeadlineMs;
  try {
    await withDeadline(dataPlane, {
      signal: new AbortController().signal,
      deadlineMs,
      onLate: () => deadlineError(service, 'probe', deadlineMs),
    });
    return 'well';
  } catch (error) {
    return judge(error).kind === 'neutral' ? 'well' : 'failed';
  }
}
