import { admit } from './admit.ts';
import type { CallDeps } from './call-deps.ts';
import type { CallJob, CallVerdict } from './call-job.ts';
import { converse } from './converse.ts';
import { dial } from './dial.ts';
import { prepare } from './prepare.ts';
import { takeOver } from './take-over.ts';
import { takeOverTalk } from './take-over-talk.ts';
import { wrapUp } from './wrap-up.ts';

/**
 * One call job, from the queue to its outcome. Each step either goes on, or settles what happens to the contact:
 * back in the queue with a time to look again (`parked`, no attempt spent), or an outcome, which is written down once.
 */
export async function runCall(job: CallJob, deps: CallDeps): Promise<CallVerdict> {
  // 1 admit: may this person be called, now, and could we talk?
  const admitted = await admit(job, deps);
  if ('kind' in admitted) return admitted;

  // From here on the attempt is this worker's, until somebody else claims it.
  const call = await takeOver(job, admitted, deps);
  if ('kind' in call) return call;
  if (call.putThrough) {
    const talked = await takeOverTalk(call, call.putThrough, deps);
    return 'kind' in talked ? talked : wrapUp(call, talked, deps);
  }
  if (admitted.ending) return wrapUp(call, admitted.ending, deps);

  // 2 prepare: CRM lookup, opening line; before the phone rings, so that it costs nobody's patience
  const prepared = await prepare(call, deps);
  if ('kind' in prepared) return prepared;
  if ('disposition' in prepared) return wrapUp(call, prepared, deps);

  // 3 dial: create the channel, write it down, let it ring
  const answered = await dial(call, prepared, deps);
  if ('kind' in answered) return answered;
  if ('disposition' in answered) return wrapUp(call, answered, deps);

  // 4 converse: listen, think, speak, until goodbye or hang-up
  const talked = await converse(call, answered, deps);

  // 5 wrap up: the outcome and what is to be told of it, in one write
  return wrapUp(call, talked, deps);
}
