import { DelayedError, type Job, UnrecoverableError, type Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJob, CallJobData, CallVerdict } from '../call/call-job.ts';
import { ServiceError, UserError } from '../errors.ts';
import { GentleWorker } from '../resilience/gentle-worker.ts';
import { tellSparingly } from '../tell-sparingly.ts';
import { CALL_QUEUE, type CallJobResult } from './call-queue.ts';
import { redisError } from './redis-errors.ts';

export interface CallWorkerOptions {
  connection: Redis;
  prefix: string;
  concurrency: number;
  onError: (error: Error) => void;
  /** Hears of jobs that another worker may have been given meanwhile. */
  onLocksLost: (attemptIds: string[]) => void;
  /** How often work on this attempt broke off, this time included. */
  countBroken: (attemptId: string) => Promise<number>;
  /** Ends an attempt that no worker gets through, so that it isn't lost sight of. */
  giveUp: (job: CallJobData, reason: string) => Promise<void>;
  /** A worker that does not renew its locks is taken for dead after this. Milliseconds. */
  lockMs?: number;
}

/** With a look for dead ones every 1.5 s their contacts are with another worker within 10 s. */
const LOCK_MS = 8_000;

/** A contact that broke the worker this often, a minute apart, needs a human. */
const GIVE_UP_AFTER = 30;
/** How soon a contact is looked at again that came upon a Redis that is ill; until Redis is well it is not looked at at all. Milliseconds. */
const REDIS_ILL_MS = 5_000;

/** Runs `runCall` for each job. Nothing that goes wrong on the way to Bull Board (progress, log) may touch the call. */
export function createCallWorker(
  options: CallWorkerOptions,
  runCall: (handle: CallJob) => Promise<CallVerdict>,
): Worker<CallJobData, CallJobResult> {
  const worker = new GentleWorker<CallJobData, CallJobResult>(
    CALL_QUEUE,
    async (job, token, signal) => {
      const verdict = await runCall(createCallJob(job, signal ?? new AbortController().signal, options.onError)).catch((error: unknown) =>
        unexpected(job, error, options),
      );
      if (verdict.kind === 'parked') return park(job, verdict.until, token, options.onError);
      const { disposition, reason, talkMs } = verdict.outcome;
      if (disposition === 'failed') throw new UnrecoverableError(reason);
      return { disposition, reason, talkSeconds: Math.round(talkMs / 1000) };
    },
    {
      connection: options.connection,
      prefix: options.prefix,
      concurrency: options.concurrency,
      autorun: false,
      lockDuration: options.lockMs ?? LOCK_MS,
      stalledInterval: 1_500,
      // A job found without a living worker goes back to the queue however often: the ledger decides what may still happen.
      maxStalledCount: 1_000_000,
    },
  );
  worker.on('error', tellSparingly(options.onError));
  worker.on('lockRenewalFailed', options.onLocksLost);
  return worker;
}

/** Not ours any more, or a Redis that can't be written: then the job is left as it is, and its lock runs out. It never fails for that. */
async function park(job: Job<CallJobData>, until: number, token: string | undefined, onError: (error: Error) => void): Promise<never> {
  await job.moveToDelayed(until, token).catch((error: unknown) => onError(asError(error)));
  throw new DelayedError();
}

/**
 * A defect of ours, or a Redis that failed in the middle. The contact must not be lost for it, and the ledger keeps it
 * from being dialled twice: it is looked at again later; for a defect, not for ever.
 */
async function unexpected(
  job: Job<CallJobData>,
  error: unknown,
  { onError, countBroken, giveUp }: CallWorkerOptions,
): Promise<CallVerdict> {
  const problem = asError(error);
  if (problem instanceof UserError) throw new UnrecoverableError(problem.message);
  onError(problem);
  if (isRedisIll(problem)) return { kind: 'parked', until: Date.now() + REDIS_ILL_MS, reason: problem.message };
  const later: CallVerdict = { kind: 'parked', until: Date.now() + 60_000, reason: problem.message };
  try {
    const times = await countBroken(job.data.attemptId);
    if (times < GIVE_UP_AFTER) {
      await job.log(`looked at again in a minute, because of an unexpected error: ${problem.message}`);
      return later;
    }
    await giveUp(job.data, `given up after ${times} unexpected errors; the last one: ${problem.message}`);
  } catch (again) {
    onError(asError(again));
    return later;
  }
  throw new UnrecoverableError(problem.message);
}

/** What passes, and says nothing of this contact. */
function isRedisIll(error: Error): boolean {
  const known = error.name === 'ReplyError' ? redisError(error, 'work on a contact') : error;
  return known instanceof ServiceError && known.service === 'redis' && known.category === 'transient';
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function createCallJob(job: Job<CallJobData>, signal: AbortSignal, onError: (error: Error) => void): CallJob {
  // One after the other, so that the log reads in the order of what happened.
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = (write: () => Promise<unknown>) => {
    last = last.then(write).catch((error: unknown) => onError(asError(error)));
  };
  return {
    data: job.data,
    signal,
    progress: (state) => inOrder(() => job.updateProgress({ state, since: new Date().toISOString() })),
    log: (line) => inOrder(() => job.log(`${new Date().toISOString()} ${line}`)),
  };
}
