import type { ServiceError } from '../errors.ts';
import type { CallDeps, OwnedCall } from './call-deps.ts';
import { type CallVerdict, callFacts } from './call-job.ts';

/** Back to the queue: claimed, but not to be dialled now. Spends no attempt. */
export async function park(call: OwnedCall, waitMs: number, reason: string, deps: CallDeps): Promise<CallVerdict> {
  await deps.ledger.release(call.attemptId, call.epoch);
  call.job.log(`not now: ${reason}`);
  deps.log.warn(callFacts(call.job), `call parked: ${reason}`);
  return { kind: 'parked', until: deps.now() + waitMs, reason };
}

/** A service was closed to this call between two of its steps. */
export function parkForService(call: OwnedCall, error: ServiceError, deps: CallDeps): Promise<CallVerdict> {
  deps.fences.heldBack(error.service, call.attemptId);
  return park(call, deps.fences.lookAgain.next(call.campaign.name) - deps.now(), error.message, deps);
}
