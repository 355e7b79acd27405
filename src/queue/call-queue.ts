import { type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJobData } from '../call/call-job.ts';

export const CALL_QUEUE = 'calls';

/** What a call job returns: the final word for the attempt, in a form that reads well in Bull Board. */
export interface CallJobResult {
  disposition: string;
  reason: string;
  talkSeconds: number;
}

export const CALL_JOB_OPTIONS: JobsOptions = {
  // The ledger decides what happens after a failure; a second run by BullMQ could only repeat what is already settled.
  attempts: 1,
  removeOnComplete: { age: 7 * 86_400, count: 50_000 },
  removeOnFail: { age: 30 * 86_400, count: 50_000 },
};

export function createCallQueue(connection: Redis, prefix: string): Queue<CallJobData, CallJobResult> {
  const queue = new Queue<CallJobData, CallJobResult>(CALL_QUEUE, {
    ...{ connection, prefix },
    defaultJobOptions: CALL_JOB_OPTIONS,
    skipWaitingForReady: true,
  });
  // What its connection meets is told by the connection; without a listener BullMQ would write it to the console itself.
  queue.on('error', () => {});
  return queue;
}
