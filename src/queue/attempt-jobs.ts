import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJobData } from '../call/call-job.ts';
import type { Contact } from '../call/contact.ts';
import type { CallJobResult } from './call-queue.ts';
import type { Keys } from './keys.ts';
import { JOBS_MADE } from './ledger-scripts.ts';
import { createScript } from './redis.ts';

export interface AttemptJobsOptions {
  /** Its commands may fail in time. */
  redis: Redis;
  keys: Keys;
  /** On a connection whose commands wait. */
  queue: Queue<CallJobData, CallJobResult>;
}

/** Gives attempts that stand in the ledger their jobs. */
export interface AttemptJobs {
  /** What is no attempt (any more) gets none; who has a job keeps it. */
  make(attemptIds: string[]): Promise<void>;
  /** Of all redials that ended attempts have left. */
  makeRedials(): Promise<void>;
  /** The same, without anybody waiting for it: a redial was written this moment. What fails is left to the next sweep. */
  redialWritten(): void;
  /** Resolves when nothing is being made any more. */
  stop(): Promise<void>;
}

/** One script's worth: some milliseconds of Redis' time. */
const PAGE = 500;
/** Of the fleet one process at a time makes redials; one that died while it did is not waited for longer. Milliseconds. */
const TURN_MS = 3_500;

export function createAttemptJobs({ redis, keys, queue }: AttemptJobsOptions): AttemptJobs {
  const jobsMade = createScript(redis, JOBS_MADE);
  const turn = keys.sweeping('redials');
  let making: Promise<void> | undefined;
  let again = false;
  let stopped = false;

  const make = async (ids: string[]): Promise<void> => {
    const entries = await Promise.all(ids.map((id) => redis.hmget(keys.attempt(id), 'contact', 'campaign', 'number', 'dueAt')));
    const jobs = ids.flatMap((id, index) => {
      const [contact, campaign, number, dueAt] = entries[index] ?? [];
      // Ended meanwhile.
      if (!contact || !campaign) return [];
      const { phone, name } = JSON.parse(contact) as Contact;
      const data: CallJobData = { version: 1, attemptId: id, campaign, phone, name, attempt: Number(number) };
      return [{ name: campaign, data, opts: { jobId: id, delay: Math.max(0, Number(dueAt ?? 0) - Date.now()) } }];
    });
    if (jobs.length > 0) await queue.addBulk(jobs);
    await jobsMade([keys.jobless, ...ids.map(keys.attempt)], ids);
  };

  /** Off the list only once their jobs exist: dying in between makes the same jobs again, which the queue ignores. */
  const makeMinted = async () => {
    for (;;) {
      const ids = await redis.lrange(keys.minted, 0, PAGE - 1);
      if (ids.length === 0) return;
      await make(ids);
      for (const id of ids) await redis.lrem(keys.minted, 1, id);
    }
  };

  const inTurn = async () => {
    if ((await redis.llen(keys.minted)) === 0) return;
    if ((await redis.set(turn, '1', 'PX', TURN_MS, 'NX')) !== 'OK') return;
    try {
      await makeMinted();
    } finally {
      await redis.del(turn);
    }
  };

  /** What is written while this process is at it may have been missed by a look that was under way. */
  const makeRedials = (): Promise<void> => {
    again = true;
    making ??= (async () => {
      while (again && !stopped) {
        again = false;
        await inTurn();
      }
    })().finally(() => {
      making = undefined;
    });
    return making;
  };

  return {
    make,
    makeRedials,
    redialWritten: () => void makeRedials().catch(() => {}),
    async stop() {
      stopped = true;
      await making?.catch(() => {});
    },
  };
}
