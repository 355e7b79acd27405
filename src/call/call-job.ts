import type { Outcome } from './outcome.ts';

/** What the queue holds of a call job. The contact's data stands in the ledger, which alone decides. */
export interface CallJobData {
  /** Of this shape, so that the workers of the next release can run the queue of this one. */
  version: 1;
  attemptId: string;
  campaign: string;
  phone: string;
  name?: string | undefined;
  /** 1 for the first dial of this contact, 2 for its first redial … */
  attempt: number;
}

/** What the operator sees while a call goes on. */
export type CallProgress = 'preparing' | 'dialing' | 'ringing' | 'talking';

/** A call job in a worker's hands. */
export interface CallJob {
  data: CallJobData;
  progress(state: CallProgress): void;
  /** A line in the job's own log. */
  log(line: string): void;
  /** Aborts when the job is cancelled. */
  signal: AbortSignal;
}

/** Which call a line of the log is about. */
export function callFacts({ data: { attemptId, attempt, campaign } }: Pick<CallJob, 'data'>): {
  callId: string;
  attempt: number;
  campaign: string;
} {
  return { callId: attemptId, attempt, campaign };
}

/** How one look at a contact ended: with an outcome, or back in the queue until a later time (unix ms), no attempt spent. */
export type CallVerdict = { kind: 'ended'; outcome: Outcome } | { kind: 'parked'; until: number; reason: string };
