import type { Redis } from 'ioredis';
import { createScript } from '../queue/redis.ts';
import { CLOSE, END_TRIAL, LEASE, OPEN, SYNC } from './breaker-scripts.ts';

/** What opened a breaker: a service's error, or a human. */
export interface BreakerCause {
  message: string;
  code: string;
  /** `manual`: a human opened it, and only a human closes it. */
  category: 'transient' | 'auth' | 'quota' | 'manual';
}

/** A breaker as Redis knows it. */
export interface BreakerRecord {
  service: string;
  /** 0: it never opened. One more at each change. */
  epoch: number;
  open: boolean;
  /** Of the last change; 0 where there was none. Unix milliseconds by Redis' clock. */
  since: number;
  /** Of its last opening, if there was one. */
  cause: BreakerCause | undefined;
  /** Who closed it last. */
  closedBy: 'trial' | 'human';
  /** A trial runs somewhere. */
  trialRunning: boolean;
}

export interface FleetView {
  records: BreakerRecord[];
  /** Processes besides this one that could probe. */
  others: number;
  healthWorkers: number;
  /** Changes that this process is to tell. */
  news: BreakerNews[];
}

/** What happened to a breaker of the fleet. */
export type BreakerNews = {
  /** The same for the same change, however often it is told. */
  id: string;
  service: string;
} & (
  | { kind: 'breaker-opened'; since: number; cause: BreakerCause }
  | {
      kind: 'breaker-closed';
      openForMs: number;
      /** Calls that were not placed meanwhile, a few per mille off. */
      heldBack: number;
      by: 'trial' | 'human';
      /** What had opened it. */
      cause: BreakerCause;
    }
);

/** What a process says of itself with every look. */
export interface Presence {
  ttlMs: number;
  prober: boolean;
  healthWorker: boolean;
  tellsNews: boolean;
}

export interface BreakerStoreOptions {
  redis: Redis;
  prefix: string;
  /** Names the process, in Redis and for humans. */
  processId: string;
}

/** News whose teller hasn't said that it is told is given to the next one after this. Milliseconds. */
const TELL_AGAIN_MS = 10_000;

/** Breakers in Redis. Every method rejects when Redis doesn't answer. */
export interface BreakerStore {
  /** Changed services are announced here, by name. */
  readonly changesChannel: string;
  readonly asksChannel: string;
  sync(services: readonly string[], presence: Presence): Promise<FleetView>;
  /** Looks, and leaves no trace of it. */
  look(services: readonly string[]): Promise<{ records: BreakerRecord[]; now: number }>;
  leave(): Promise<void>;
  /** True for one process alone, for as long as `ms`. */
  claim(name: string, ms: number): Promise<boolean>;
  /** Its new epoch when it was closed until now, else undefined. */
  open(service: string, cause: BreakerCause, resetMs: number): Promise<number | undefined>;
  /** The epoch the trial runs under; undefined when it isn't ours to make. */
  lease(service: string, options: { token: string; leaseMs: number; early: boolean }): Promise<number | undefined>;
  endTrial(service: string, token: string, resetMs: number, cause: BreakerCause | undefined): Promise<void>;
  /** Its new epoch; undefined when there was nothing to close, or it has been changed since. */
  close(service: string, under: { epoch: number; token?: string } | 'any'): Promise<number | undefined>;
  /** The news has reached its humans. */
  told(id: string): Promise<void>;
  heldBack(service: string, ids: readonly string[]): Promise<void>;
  countHeldBack(service: string): Promise<number>;
  /** Names that processes of this installation have breakers for. */
  services(): Promise<string[]>;
  announce(services: readonly string[]): Promise<void>;
}

export function createBreakerStore({ redis, prefix, processId }: BreakerStoreOptions): BreakerStore {
  const base = `${prefix}:breaker`;
  const keys = {
    hash: (service: string) => `${base}:${service}`,
    held: (service: string) => `${base}-held:${service}`,
    processes: `${base}-processes`,
    healthWorkers: `${base}-health-workers`,
    services: `${base}-services`,
    news: `${base}-news`,
    tellers: `${base}-news-tellers`,
  };
  const changesChannel = `${base}-changes`;
  const scripts = {
    sync: createScript(redis, SYNC),
    open: createScript(redis, OPEN),
    lease: createScript(redis, LEASE),
    endTrial: createScript(redis, END_TRIAL),
    close: createScript(redis, CLOSE),
  };
  return {
    changesChannel,
    asksChannel: `${base}-asks`,
    async sync(asked, { ttlMs, prober, healthWorker, tellsNews }) {
      // Copied: more may be added while Redis answers.
      const services = [...asked];
      const of = [keys.processes, keys.healthWorkers, keys.news, keys.tellers, ...services.map(keys.hash)];
      const args = [processId, ttlMs, Number(prober), Number(healthWorker), Number(tellsNews), TELL_AGAIN_MS];
      const answer = (await scripts.sync(of, args)) as unknown[];
      const now = Number(answer[0]);
      const records = services.map((service, index) => readRecord(service, answer[index + 4], now));
      const news = (answer[3] as string[]).map((text) => JSON.parse(text) as BreakerNews);
      return { records, others: Number(answer[1]), healthWorkers: Number(answer[2]), news };
    },
    async look(services) {
      const [seconds, micros] = await redis.time();
      const now = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
      const hashes = await Promise.all(services.map((service) => redis.hgetall(keys.hash(service))));
      return { records: services.map((service, index) => readRecord(service, Object.entries(hashes[index] ?? {}).flat(), now)), now };
    },
    async leave() {
      await redis.multi().zrem(keys.processes, processId).zrem(keys.healthWorkers, processId).exec();
    },
    claim: async (name, ms) => (await redis.set(`${base}-claim:${name}`, processId, 'PX', ms, 'NX')) === 'OK',
    async open(service, { message, code, category }, resetMs) {
      const args = [changesChannel, service, message, code, category, processId, resetMs];
      return Number(await scripts.open([keys.hash(service), keys.held(service), keys.news], args)) || undefined;
    },
    async lease(service, { token, leaseMs, early }) {
      return Number(await scripts.lease([keys.hash(service)], [token, leaseMs, Number(early)])) || undefined;
    },
    async endTrial(service, token, resetMs, cause) {
      const failure = cause === undefined ? [] : [cause.message, cause.code, cause.category];
      await scripts.endTrial([keys.hash(service)], [token, resetMs, ...failure]);
    },
    async close(service, under) {
      const [epoch, token] = under === 'any' ? ['', ''] : [under.epoch, under.token ?? ''];
      const of = [keys.hash(service), keys.held(service), keys.news];
      return Number(await scripts.close(of, [changesChannel, service, epoch, token])) || undefined;
    },
    async told(id) {
      await redis.multi().hdel(keys.news, id).zrem(keys.tellers, id).exec();
    },
    async heldBack(service, ids) {
      // Counts different calls, a few per mille off, in 12 kB at most: a call held back is looked at many times.
      await redis.pfadd(keys.held(service), ...ids);
    },
    countHeldBack: (service) => redis.pfcount(keys.held(service)),
    services: async () => (await redis.smembers(keys.services)).sort(),
    async announce(services) {
      await redis.sadd(keys.services, ...services);
    },
  };
}

function readRecord(service: string, reply: unknown, now: number): BreakerRecord {
  const flat = reply as string[];
  const fields = new Map(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : [])));
  const category = fields.get('category') as BreakerCause['category'] | undefined;
  return {
    service,
    epoch: Number(fields.get('epoch') ?? 0),
    open: fields.get('state') === 'open',
    since: Number(fields.get('since') ?? 0),
    cause: category && { message: fields.get('message') ?? '', code: fields.get('code') ?? '', category },
    closedBy: fields.get('closedBy') === 'human' ? 'human' : 'trial',
    trialRunning: Number(fields.get('leaseUntil') ?? 0) > now,
  };
}
