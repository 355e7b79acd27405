import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJobData } from '../call/call-job.ts';
import type { AttemptJobs } from './attempt-jobs.ts';
import type { CallJobResult } from './call-queue.ts';
import type { Keys } from './keys.ts';
import { createScript } from './redis.ts';
import { COUNT_MISSING, FREE_RESERVATIONS, MISSING_JOBS, REMOVED_JOBS } from './sweep-scripts.ts';

export interface LedgerSweepOptions {
  redis: Redis;
  keys: Keys;
  queue: Queue<CallJobData, CallJobResult>;
  jobs: AttemptJobs;
  /** Ends an attempt whose job was removed, and has it told. */
  cancel: (attemptId: string, reason: string) => Promise<unknown>;
  log: { warn(facts: object, message: string): void };
  /** Younger entries may be on their way into the queue. Milliseconds. */
  graceMs?: number;
}

export interface LedgerSweep {
  /**
   * Removed and never made jobs are found each time. Of all open attempts the next part is looked at, and all of them at once when there are fewer jobs
   * than open attempts: then jobs have vanished in a way that nobody was told of.
   */
  sweep(): Promise<void>;
}

/** An enqueue writes a thousand entries, then their jobs, within a second. Milliseconds. */
const GRACE_MS = 30_000;
/** One script's worth: some milliseconds of Redis' time. */
const PAGE = 500;
const PAGES_A_SWEEP = 10;
/** Less than a turn lasts. Milliseconds. */
const HURRY_MS = 2_500;
/** BullMQ keeps some ten thousand. */
const EVENTS_A_SWEEP = 15_000;

/**
 * Keeps the ledger and the queue in step. An open attempt without a job was either lost on the way into the queue (the
 * producer died in between), or its job was removed in Bull Board. The entry tells which: that its job exists is written
 * into it after the job was made, and Redis keeps its writes in order, so an entry that says so has had one.
 */
export function createLedgerSweep({ redis, keys, queue, jobs, cancel, log, graceMs = GRACE_MS }: LedgerSweepOptions): LedgerSweep {
  const missingJobs = createScript(redis, MISSING_JOBS);
  const freeReservations = createScript(redis, FREE_RESERVATIONS);
  const removedJobs = createScript(redis, REMOVED_JOBS);
  const countMissing = createScript(redis, COUNT_MISSING);
  const counted = [
    keys.open,
    keys.jobless,
    keys.minted,
    ...['wait', 'paused', 'active', 'delayed', 'prioritized'].map((name) => queue.toKey(name)),
  ];
  /** Open attempts that were not looked at in this round, by their rank. */
  let left = 0;
  /** Since when jobs are missing that were not looked for yet. */
  let missingSince: number | undefined;
  /** As many stayed missing when all attempts had been looked at; a worker is at work on them, say. */
  let stillMissing = 0;
  let hurrying = false;

  const putBack = async (id: string, word: string) => {
    // A job that is over while its attempt is not would take the id from its successor.
    if (word === 'over') {
      // That it is removed must not be taken for an operator's wish.
      await redis.hdel(keys.attempt(id), 'job');
      await queue.remove(id);
    }
    log.warn(
      { attempt: id },
      word === 'over' ? 'an open attempt had a job that was over: put back' : 'an open attempt had no job: put back',
    );
    await jobs.make([id]);
  };

  /** Entries that changed within the last `youngMs` are left alone. */
  const judge = async (ids: string[], youngMs: number, what: 'everything' | 'removals' = 'everything'): Promise<void> => {
    if (ids.length === 0) return;
    const words = (await missingJobs(
      [keys.open, ...ids.flatMap((id) => [keys.attempt(id), keys.lease(id), queue.toKey(id)])],
      [Date.now() - youngMs, ...ids],
    )) as string[];
    await Promise.all(ids.map((id, index) => words[index] === 'removed' && cancel(id, 'its job was removed from the queue')));
    for (const [index, id] of ids.entries()) {
      const word = words[index];
      if (what === 'everything' && (word === 'lost' || word === 'over')) await putBack(id, word);
    }
  };

  /** Their producer died between the entry and its job. Usually nobody stands here. */
  const sweepJobless = async () => {
    const ids = await redis.zrangebyscore(keys.jobless, '-inf', Date.now() - graceMs, 'LIMIT', 0, PAGE);
    if (ids.length === 0) return;
    log.warn({ attempts: ids.length }, 'contacts whose enqueue broke off before they had their jobs get them now');
    await jobs.make(ids);
  };

  /** What an operator removed in Bull Board is known by BullMQ's own events, however many contacts there are. */
  const sweepRemoved = async () => {
    for (let read = 0; read < EVENTS_A_SWEEP; read += PAGE) {
      const seen = (await redis.get(keys.removalsSeen)) ?? '0';
      const [last, ...ids] = (await removedJobs([queue.toKey('events')], [seen, PAGE])) as [string, ...string[]];
      // An entry that says that its job existed is old enough; any other one is still its producer's.
      await judge(ids, -1, 'removals');
      if (last === '') return;
      await redis.set(keys.removalsSeen, last);
    }
  };

  /**
   * Whatever else went wrong: all open attempts, a part at a time. From the last one back: what is taken out meanwhile moves up only what has been looked at.
   * False when the first one was reached.
   */
  const sweepPage = async (): Promise<boolean> => {
    if (left === 0) left = await redis.zcard(keys.open);
    const from = Math.max(0, left - PAGE);
    if (left > 0) await judge(await redis.zrange(keys.open, from, String(left - 1)), graceMs);
    left = from;
    return left > 0;
  };

  const missing = async () => Math.max(0, (await countMissing(counted, [])) as number);

  /** Only once the youngest of them is old enough to be judged. */
  const mustHurry = async (): Promise<boolean> => {
    const count = await missing();
    stillMissing = Math.min(stillMissing, count);
    if (count <= stillMissing) missingSince = undefined;
    else missingSince ??= Date.now();
    return missingSince !== undefined && Date.now() - missingSince > graceMs;
  };

  /** A flushed or damaged queue: everything is looked at, some tens of thousands of attempts a second, until the end is reached. */
  const sweepAll = async () => {
    if (!hurrying) left = 0;
    hurrying = true;
    for (const until = Date.now() + HURRY_MS; Date.now() < until; ) {
      if (await sweepPage()) continue;
      hurrying = false;
      stillMissing = await missing();
      return;
    }
  };

  return {
    async sweep() {
      await jobs.makeRedials();
      await freeReservations([keys.reservations], [keys.attempt('')]);
      await sweepJobless();
      await sweepRemoved();
      if (hurrying || (await mustHurry())) await sweepAll();
      else for (let page = 0; page < PAGES_A_SWEEP && (await sweepPage()); page++);
    },
  };
}
