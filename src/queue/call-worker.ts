import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJob, CallJobData, CallVerdict } from '../call/call-job.ts';
import { UserError } from '../errors.ts';
import { CALL_QUEUE, type CallJobResult } from './call-queue.ts';

export interface CallWorkerOptions {
  connection: Redis;
  prefix: string;
  concurrency: number;
  onError: (error: Error) => void;
}

/**
 * A worker that stops renewing is taken for dead after this. With the check every 2 s a dead worker's contact is with
 * another one within 10 s.
 */
const LOCK_MS = 8_000;

/** A contact that broke the worker this often needs a human. */
const GIVE_UP_AFTER = 100;

/** Runs `runCall` for each job. Nothing that goes wrong on the way to Bull Board (progress, log) may touch the call. */
export function createCallWorker(
  options: CallWorkerOptions,
  runCall: (handle: CallJob) => Promise<CallVerdict>,
): Worker<CallJobData, CallJobResult> {
  const worker = new Worker<CallJobData, CallJobResult>(
    CALL_QUEUE,
    async (job, token, signal) => {
      const verdict = await runCall(createCallJob(job, signal ?? new AbortController().signal, options.onError)).catch((error: unknown) =>
        unexpected(job, error, options.onError),
      );
      if (verdict.kind === 'parked') {
        await job.moveToDelayed(verdict.until, token);
        throw new DelayedError();
      }
      const { disposition, reason, talkMs } = verdict.outcome;
      if (disposition === 'failed') throw new UnrecoverableError(reason);
      return { disposition, reason, talkSeconds: Math.round(talkMs / 1000) };
    },
    {
      connection: options.connection,
      prefix: options.prefix,
      concurrency: options.concurrency,
      autorun: false,
      lockDuration: LOCK_MS,
      stalledInterval: 2_000,
      // A job found without a living worker goes back to the queue however often: the ledger decides what may still happen.
      maxStalledCount: 1_000_000,
    },
  );
  worker.on('error', options.onError);
  return worker;
}

/**
 * A defect of ours, or a Redis that failed in the middle. The contact must not be lost for it, and the ledger keeps it
 * from being dialled twice: it is looked at again later, but not for ever.
 */
async function unexpected(job: Job<CallJobData>, error: unknown, onError: (error: Error) => void): Promise<CallVerdict> {
  const problem = error instanceof Error ? error : new Error(String(error));
  if (problem instanceof UserError || job.attemptsStarted >= GIVE_UP_AFTER) throw new UnrecoverableError(problem.message);
  onError(problem);
  await job.log(`looked at again in a minute, because of an unexpected error: ${problem.message}`);
  return { kind: 'parked', until: Date.now() + 60_000, reason: problem.message };
}

function createCallJob(job: Job<CallJobData>, signal: AbortSignal, onError: (error: Error) => void): CallJob {
  // One after the other, so that the log reads in the order of what happened.
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = (write: () => Promise<unknown>) => {
    last = last.then(write).catch((error: unknown) => onError(error instanceof Error ? error : new Error(String(error))));
  };
  return {
    data: job.data,
    signal,
    progress: (state) => inOrder(() => job.updateProgress({ state, since: new Date().toISOString() })),
    log: (line) => inOrder(() => job.log(`${new Date().toISOString()} ${line}`)),
  };
}
