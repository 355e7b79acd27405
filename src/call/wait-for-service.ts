import type { CallDeps } from './call-deps.ts';
import { type CallJob, type CallVerdict, callFacts } from './call-job.ts';
import { describeError } from './describe-error.ts';

/**
 * A service that this campaign needs is down: the contact goes back to the queue, and with it those of its campaign that are next, so that
 * another campaign's contacts behind them have their turn at once. Nothing is spent.
 */
export async function waitForService(job: CallJob, service: string, reason: string, deps: CallDeps): Promise<CallVerdict> {
  const { fences, log } = deps;
  const { campaign, attemptId } = job.data;
  await fences.paceRefusal(job.signal);
  const until = fences.lookAgain.next(campaign);
  const { stepMs } = fences.lookAgain;
  const line = `not now: ${reason}`;
  const others = await deps.parkWaiting({ campaign, firstAt: until + stepMs, stepMs, line }).catch((error: unknown) => {
    log.warn({ ...callFacts(job), service: 'redis', err: error }, `the next contacts are looked at one by one (${describeError(error)})`);
    return [];
  });
  fences.lookAgain.next(campaign, others.length);
  fences.heldBack(service, attemptId, ...others);
  job.log(`${line}; looking again at ${new Date(until).toISOString()}`);
  log.info({ ...callFacts(job), until }, `call parked: ${reason}`);
  if (others.length > 0) log.info({ campaign, service, callIds: others }, `${others.length} more calls of ${campaign} parked: ${reason}`);
  return { kind: 'parked', until, reason };
}
