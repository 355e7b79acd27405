import type { Leases } from '../queue/leases.ts';
import type { CallJob, CallVerdict } from './call-job.ts';

/** How soon a contact is looked at again that can't be worked on now. Milliseconds. */
const LOOK_AGAIN_MS = 5_000;

/**
 * Runs one look at a contact with its lease renewed meanwhile, and ends it when somebody else is read to own the attempt.
 * A process that was too busy to renew its lock is given its own job a second time: the first run goes on, the second look waits.
 */
export async function holdAttempt(
  job: CallJob,
  leases: Pick<Leases, 'enter' | 'unavailable'>,
  run: (job: CallJob) => Promise<CallVerdict>,
): Promise<CallVerdict> {
  const park = (reason: string): CallVerdict => ({ kind: 'parked', until: Date.now() + LOOK_AGAIN_MS, reason });
  const ill = leases.unavailable();
  if (ill !== undefined) return park(ill);
  const hold = leases.enter(job.data.attemptId);
  if (hold === undefined) return park('this worker is still at work on an earlier look at this contact');
  try {
    return await run({ ...job, signal: AbortSignal.any([job.signal, hold.lost]) });
  } finally {
    hold.leave();
  }
}
