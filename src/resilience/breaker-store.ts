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
  /** A trial runs somewhere. */
  trialRunning: boolean;
}

export interface FleetView {
  records: BreakerRecord[];
  /** Processes besides this one that could probe. */
  others: number;
  healthWorkers: number;
}

export interface BreakerStoreOptions {
  redis: Redis;
  prefix: string;
  /** Names the process, in Redis and for humans. */
  processId: string;
}

/** Breakers in Redis. Every method rejects when Redis doesn't answer. */
export interface BreakerStore {
  /** Changed services are announced here, by name. */
  readonly changesChannel: string;
  readonly asksChannel: string;
  sync(services: readonly string[], presence: { ttlMs: number; prober: boolean; healthWorker: boolean }): Promise<FleetView>;
  leave(): Promise<void>;
  /** True for one process alone, for as long as `ms`. */
  claim(name: string, ms: number): Promise<boolean>;
  /** Its new epoch when it was closed until now, else undefined. */
  open(service: string, cause: BreakerCause, resetMs: number): Promise<number | undefined>;
  /** The epoch the trial runs under; undefined when it isn't ours to make. */
  lease(service: string, options: { token: string; leaseMs: number; early: boolean }): Promise<number | undefined>;
  endTrial(service: string, token: string, resetMs: number, cause: BreakerCause | undefined): Promise<void>;
  /** Undefined when there was nothing to close, or it has been changed since. */
  close(
    service: string,
    under: { epoch: number; token?: string } | 'any',
  ): Promise<{ openForMs: number; heldBack: number; epoch: number } | undefined>;
  heldBack(service: string, id: string): Promise<void>;
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
    async sync(services, { ttlMs, prober, healthWorker }) {
      const of = [keys.processes, keys.healthWorkers, ...services.map(keys.hash)];
      const answer = (await scripts.sync(of, [processId, ttlMs, Number(prober), Number(healthWorker)])) as unknown[];
      const now = Number(answer[0]);
      const records = services.map((service, index) => readRecord(service, answer[index + 3], now));
      return { records, others: Number(answer[1]), healthWorkers: Number(answer[2]) };
    },
    async leave() {
      await redis.multi().zrem(keys.processes, processId).zrem(keys.healthWorkers, processId).exec();
    },
    claim: async (name, ms) => (await redis.set(`${base}-claim:${name}`, processId, 'PX', ms, 'NX')) === 'OK',
    async open(service, { message, code, category }, resetMs) {
      const args = [changesChannel, service, message, code, category, processId, resetMs];
      return Number(await scripts.open([keys.hash(service), keys.held(service)], args)) || undefined;
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
      const answer = (await scripts.close([keys.hash(service), keys.held(service)], [changesChannel, service, epoch, token])) as number[];
      return answer[0] === 1 ? { openForMs: Number(answer[1]), heldBack: Number(answer[2]), epoch: Number(answer[3]) } : undefined;
    },
    async heldBack(service, id) {
      // Counts different calls, a few per mille off, in 12 kB at most: a call held back is looked at many times.
      await redis.pfadd(keys.held(service), id);
    },
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
    trialRunning: Number(fields.get('leaseUntil') ?? 0) > now,
  };
}
