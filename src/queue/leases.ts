import type { Redis } from 'ioredis';
import { sleep } from '../sleep.ts';
import type { Keys } from './keys.ts';
import { LIVING, RENEW } from './ledger-scripts.ts';
import { createScript } from './redis.ts';
import { redisError } from './redis-errors.ts';

export interface LeaseTiming {
  /** Who has not renewed for so long has lost the attempt. Milliseconds. */
  leaseMs: number;
  renewEveryMs: number;
}

/**
 * A dead worker's channels are hung up within 10 s: its lease runs out within 5 s, and the sweep comes every 4 s.
 * Four renewals may fail before a living one loses its right.
 */
export const LEASE_TIMING: LeaseTiming = { leaseMs: 5_000, renewEveryMs: 1_000 };

/** This process' work on one attempt. */
export interface AttemptHold {
  /** Aborts when a higher epoch was read: somebody else owns the attempt, and this call is to end. */
  readonly lost: AbortSignal;
  leave(): void;
}

/** The attempts that this process works on, and its right to each of them. */
export interface Leases {
  /** Undefined while this process is at work on the attempt already: it must not take it over from itself. */
  enter(attemptId: string): AttemptHold | undefined;
  isUnderWay(attemptId: string): boolean;
  /** The queue gave these jobs to somebody else, or may have: they must not be dialled any more. */
  loseLocks(attemptIds: readonly string[]): void;
  /** How the ledger tells which epoch was claimed, and how long the right to it surely lasts. */
  readonly ledger: LedgerLeases;
  /** `''` for an attempt that nobody works on; undefined while that can't be told, because workers were cut off from Redis. */
  living(attemptIds: readonly string[]): Promise<string[] | undefined>;
  /** Why no new call may begin: Redis can't be written. Undefined when it can. */
  unavailable(): string | undefined;
  stop(): Promise<void>;
}

export interface LedgerLeases extends LeaseTiming {
  /** What this run holds already; zeros when nothing. */
  held(attemptId: string): { epoch: number; from: number };
  /** Nothing that is read from here on counts as lost, until `claimed` or `notClaimed`. */
  claiming(attemptId: string): void;
  /** @param sentAt when the claim was sent, by `performance.now()`: its lease surely lasts that much longer. */
  claimed(attemptId: string, epoch: number, sentAt: number): void;
  notClaimed(attemptId: string): void;
  /** For so long the right to the attempt is certain; 0 when it isn't. Milliseconds, on this process' own monotonic clock. */
  certainMs(attemptId: string): number;
}

export interface LeasesOptions {
  /** A connection whose commands fail when Redis is silent: one that waits for ever would renew nothing. */
  redis: Redis;
  keys: Keys;
  log: { info(facts: object, message: string): void; error(facts: object, message: string): void };
  timing?: LeaseTiming;
  /** Rejects while nothing that is written would last. */
  check?: () => Promise<void>;
}

interface Held {
  from: number;
  epoch: number;
  claiming: boolean;
  locked: boolean;
  /** When the last successful renewal was sent, by `performance.now()`. */
  renewedAt: number;
  lost: AbortController;
}

/** A right that ends sooner than this is no basis for a dial: the request itself takes time. Share of a lease. */
const MARGIN = 0.3;
/** How many attempts one renewal script takes: some ten milliseconds of Redis' time. */
const BATCH = 500;

/** Renews until stopped. Starts at once, also with nothing to renew: that Redis hears from a worker is what others go by. */
export function createLeases({ redis, keys, log, timing = LEASE_TIMING, check = async () => {} }: LeasesOptions): Leases {
  const { leaseMs, renewEveryMs } = timing;
  const renew = createScript(redis, RENEW);
  const living = createScript(redis, LIVING);
  const holds = new Map<string, Held>();
  const stopping = new AbortController();
  let trouble: { since: number; why: string } | undefined;

  const renewBatch = async (batch: (readonly [string, Held])[]) => {
    const sent = batch.map(([id, { epoch, from }]) => ({ id, epoch, lease: `${from}-${epoch}` }));
    const sentAt = performance.now();
    const epochs = (await renew(
      [keys.pulse, ...sent.flatMap(({ id }) => [keys.attempt(id), keys.lease(id)])],
      [leaseMs, 2 * renewEveryMs, ...sent.flatMap(({ epoch, lease }) => [epoch, lease])],
    )) as number[];
    for (const [index, { id, epoch }] of sent.entries()) {
      const hold = holds.get(id);
      const now = epochs[index] ?? -1;
      // An answer to what was asked before the latest claim says nothing of it.
      if (hold === undefined || hold.claiming || hold.epoch !== epoch) continue;
      if (now === epoch) hold.renewedAt = sentAt;
      else if (now > epoch) hold.lost.abort(new Error('another worker has taken this attempt over'));
    }
  };

  const renewAll = async () => {
    const all = [...holds].filter(([, { epoch, claiming }]) => epoch > 0 && !claiming);
    for (let from = 0; from === 0 || from < all.length; from += BATCH) await renewBatch(all.slice(from, from + BATCH));
  };

  const tell = (why: string | undefined) => {
    if (why !== undefined && trouble === undefined) {
      log.error(
        { service: 'redis', underWay: holds.size },
        `Redis can't be written (${why}): nothing new is dialled until it can; calls go on`,
      );
    }
    if (why === undefined && trouble !== undefined) {
      log.info({ service: 'redis' }, `Redis can be written again, after ${Math.round((performance.now() - trouble.since) / 1000)} s`);
    }
    trouble = why === undefined ? undefined : { since: trouble?.since ?? performance.now(), why };
  };

  const running = (async () => {
    while (!stopping.signal.aborted) {
      await Promise.all([renewAll(), check()]).then(
        () => tell(undefined),
        (error: unknown) => stopping.signal.aborted || tell(redisError(error, 'renewal of leases').message),
      );
      await sleep(renewEveryMs, stopping.signal).catch(() => {});
    }
  })();

  return {
    enter(attemptId) {
      if (holds.has(attemptId)) return undefined;
      const hold: Held = { from: 0, epoch: 0, claiming: false, locked: true, renewedAt: 0, lost: new AbortController() };
      holds.set(attemptId, hold);
      return {
        lost: hold.lost.signal,
        leave() {
          if (holds.get(attemptId) === hold) holds.delete(attemptId);
        },
      };
    },
    isUnderWay: (attemptId) => holds.get(attemptId)?.lost.signal.aborted === false,
    loseLocks(attemptIds) {
      for (const id of attemptIds) {
        const hold = holds.get(id);
        if (hold !== undefined) hold.locked = false;
      }
    },
    ledger: {
      ...timing,
      held: (attemptId) => ({ epoch: holds.get(attemptId)?.epoch ?? 0, from: holds.get(attemptId)?.from ?? 0 }),
      claiming: (attemptId) => setClaiming(attemptId, true),
      notClaimed: (attemptId) => setClaiming(attemptId, false),
      claimed(attemptId, epoch, sentAt) {
        const hold = holds.get(attemptId);
        if (hold === undefined) return;
        hold.claiming = false;
        hold.epoch = epoch;
        hold.from ||= epoch;
        hold.renewedAt = sentAt;
      },
      certainMs(attemptId) {
        const hold = holds.get(attemptId);
        if (hold === undefined || !hold.locked || hold.lost.signal.aborted) return 0;
        return Math.max(0, hold.renewedAt + leaseMs * (1 - MARGIN) - performance.now());
      },
    },
    async living(attemptIds) {
      const answer = await living([keys.pulse, ...attemptIds.map((id) => keys.lease(id))], [leaseMs]);
      return answer === null ? undefined : (answer as string[]);
    },
    unavailable: () => (trouble === undefined ? undefined : `Redis can't be written: ${trouble.why}`),
    async stop() {
      stopping.abort();
      await running;
    },
  };

  function setClaiming(attemptId: string, claiming: boolean) {
    const hold = holds.get(attemptId);
    if (hold !== undefined) hold.claiming = claiming;
  }
}
