import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJobData } from '../call/call-job.ts';
import type { Contact } from '../call/contact.ts';
import type { CallJobResult } from './call-queue.ts';
import type { Keys } from './keys.ts';
import { JOBS_MADE } from './ledger-scripts.ts';
import { createScript } from './redis.ts';
import { FREE_RESERVATIONS, MISSING_JOBS } from './sweep-scripts.ts';

export interface LedgerSweepOptions {
  redis: Redis;
  keys: Keys;
  queue: Queue<CallJobData, CallJobResult>;
  /** Ends an attempt whose job was removed, and has it told. */
  cancel: (attemptId: string, reason: string) => Promise<unknown>;
  log: { warn(facts: object, message: string): void };
  /** Younger entries may be on their way into the queue. Milliseconds. */
  graceMs?: number;
}

export interface LedgerSweep {
  /** Looks at the next part of the open attempts, not at all of them: a million take some ten minutes. */
  sweep(): Promise<void>;
}

/** An enqueue writes a thousand entries, then their jobs, within a second. Milliseconds. */
const GRACE_MS = 30_000;
/** One script's worth: some milliseconds of Redis' time. */
const PAGE = 500;
const PAGES_A_SWEEP = 10;

/**
 * Keeps the ledger and the queue in step. An open attempt without a job was either lost on the way into the queue (the
 * producer died in between), or its job was removed in Bull Board. The entry tells which: that its job exists is written
 * into it after the job was made, and Redis keeps its writes in order, so an entry that says so has had one.
 */
export function createLedgerSweep({ redis, keys, queue, cancel, log, graceMs = GRACE_MS }: LedgerSweepOptions): LedgerSweep {
  const missingJobs = createScript(redis, MISSING_JOBS);
  const freeReservations = createScript(redis, FREE_RESERVATIONS);
  const jobsMade = createScript(redis, JOBS_MADE);
  let cursor = 0;

  const makeJobs = async (ids: string[]): Promise<void> => {
    const entries = await Promise.all(ids.map((id) => redis.hmget(keys.attempt(id), 'contact', 'campaign', 'number', 'dueAt')));
    const jobs = ids.flatMap((id, index) => {
      const [contact, campaign, number, dueAt] = entries[index] ?? [];
      // Ended meanwhile.
      if (!contact || !campaign) return [];
      const { phone, name } = JSON.parse(contact) as Contact;
      const data: CallJobData = { version: 1, attemptId: id, campaign, phone, name, attempt: Number(number) };
      return [{ name: campaign, data, opts: { jobId: id, delay: Math.max(0, Number(dueAt ?? 0) - Date.now()) } }];
    });
    if (jobs.length === 0) return;
    await queue.addBulk(jobs);
    await jobsMade(
      jobs.map(({ opts }) => keys.attempt(opts.jobId)),
      [],
    );
  };

  /** Off the list only once their jobs exist: dying in between makes the same jobs again, which the queue ignores. */
  const makeMinted = async () => {
    for (;;) {
      const ids = await redis.lrange(keys.minted, 0, PAGE - 1);
      if (ids.length === 0) return;
      await makeJobs(ids);
      for (const id of ids) await redis.lrem(keys.minted, 1, id);
    }
  };

  const putBack = async (id: string, word: string) => {
    // A job that is over while its attempt is not would take the id from its successor.
    if (word === 'over') await queue.remove(id);
    log.warn(
      { attempt: id },
      word === 'over' ? 'an open attempt had a job that was over: put back' : 'an open attempt had no job: put back',
    );
    await makeJobs([id]);
  };

  const sweepPage = async (): Promise<boolean> => {
    const ids = await redis.zrange(keys.open, cursor, String(cursor + PAGE - 1));
    if (ids.length === 0) {
      cursor = 0;
      return false;
    }
    const words = (await missingJobs(
      [keys.open, ...ids.flatMap((id) => [keys.attempt(id), keys.lease(id), queue.toKey(id)])],
      [Date.now() - graceMs, ...ids],
    )) as string[];
    cursor += ids.length;
    for (const [index, id] of ids.entries()) {
      const word = words[index];
      if (word === 'removed') await cancel(id, 'its job was removed from the queue');
      else if (word === 'lost' || word === 'over') await putBack(id, word);
    }
    return true;
  };

  return {
    async sweep() {
      await makeMinted();
      await freeReservations([keys.reservations], [keys.attempt('')]);
      for (let page = 0; page < PAGES_A_SWEEP && (await sweepPage()); page++);
    },
  };
}
