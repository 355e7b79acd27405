import { ServiceError } from '../errors.ts';
import type { CallDeps, Ending, OwnedCall } from './call-deps.ts';
import { type CallVerdict, callFacts } from './call-job.ts';
import { describeError } from './describe-error.ts';
import { type PutThrough, whilePutThrough } from './put-through.ts';

/** The two have half a minute from their worker's death. Milliseconds. */
const ASK_AGAIN_MS = 3_000;

/** The worker that had put the callee through is gone. The two talk on, and this worker watches over them. */
export async function takeOverTalk(call: OwnedCall, noted: PutThrough, deps: CallDeps): Promise<Ending | CallVerdict> {
  const { job, campaign } = call;
  const { to, at } = noted;
  const ending = (how: string, talkMs?: number): Ending => ({
    ...noted.ending,
    disposition: 'transferred',
    reason: `put through to ${to}; the worker that called stopped meanwhile; ${how}`,
    endedAt: deps.now(),
    putThrough: { to, talkMs },
  });
  try {
    const talk = await deps.telephony.adoptTalk(noted);
    if (talk === undefined) return ending('they hung up while no worker was there');
    job.log(`watches over the callee and ${to}, who talk on`);
    deps.log.info(callFacts(job), `the callee and ${to} talk on under another worker`);
    job.progress('talking');
    const { reason, talkMs, letGo } = await whilePutThrough({ job, campaign }, { ...talk, at }, deps);
    if (!letGo) await talk.end();
    return ending(reason, talkMs);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    job.log(`not now: Asterisk does not say whether the callee and ${to} still talk (${describeError(error)})`);
    return { kind: 'parked', until: deps.now() + ASK_AGAIN_MS, reason: describeError(error) };
  }
}
