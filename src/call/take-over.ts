import type { CallDeps, OwnedCall } from './call-deps.ts';
import { type CallJob, type CallVerdict, callFacts } from './call-job.ts';
import type { Campaign } from './campaign.ts';
import { channelId } from './channel-id.ts';
import type { Contact } from './contact.ts';
import { describeError } from './describe-error.ts';
import { wrapUp } from './wrap-up.ts';

/** How soon Asterisk is asked again. Milliseconds. */
const ASK_AGAIN_MS = 10_000;
/** How soon a number is tried again that is being called for somebody else. Milliseconds. */
const NUMBER_BUSY_MS = 30_000;

const OPTED_OUT = 'the callee asked not to be called again; then the worker that was calling stopped in the middle of the call';

/**
 * Claims the attempt. When an earlier owner died or froze on it, its channel is hung up, and how far it had got decides:
 * `claimed` means that no INVITE was sent and none can be (its mark fails now), so the call goes on;
 * `dialing` means that the phone may have rung, and the attempt ends as `interrupted`, unless the callee was put through: those two go on talking.
 */
export async function takeOver(
  job: CallJob,
  { campaign, contact }: { campaign: Campaign; contact: Contact },
  deps: CallDeps,
): Promise<OwnedCall | CallVerdict> {
  const { attemptId } = job.data;
  const park = (waitMs: number, reason: string): CallVerdict => {
    job.log(`not now: ${reason}`);
    deps.log.info(callFacts(job), `call parked: ${reason}`);
    return { kind: 'parked', until: deps.now() + waitMs, reason };
  };
  const claim = await deps.ledger.claim(attemptId, contact.phone);
  switch (claim.kind) {
    case 'unknown':
      throw new Error(`Attempt ${attemptId} vanished from the ledger while it was being claimed; nobody is dialled.`);
    case 'ended':
      return { kind: 'ended', outcome: claim.outcome };
    case 'leased':
      return park(claim.waitMs, 'an earlier worker may still be at work on this contact; its lease has not run out');
    case 'number-busy':
      return park(NUMBER_BUSY_MS, 'this number is being called already, for another campaign');
    case 'claimed':
      break;
  }
  const call: OwnedCall = { attemptId, epoch: claim.epoch, campaign, contact, job, startedAt: deps.now() };
  if (claim.before === 'queued') return call;

  const entry = await deps.ledger.read(attemptId);
  const putThrough = entry?.state === 'dialing' ? entry.putThrough : undefined;
  try {
    const installation = await deps.ledger.installation();
    for (let epoch = claim.firstEpoch; epoch < claim.epoch; epoch++) {
      const id = channelId(installation, attemptId, epoch);
      if (id !== putThrough?.calleeId) await deps.telephony.hangUp(id);
    }
  } catch (error) {
    // Its channel may still live, so nothing is decided yet; the next look claims again and asks again.
    deps.log.warn({ ...callFacts(job), err: error }, 'an earlier call of this contact may still be alive');
    return park(ASK_AGAIN_MS, `Asterisk did not say whether an earlier call of this contact is over (${describeError(error)})`);
  }
  job.log(`taken over from an earlier worker, which had got as far as "${claim.before}"`);
  if (claim.before === 'claimed' || putThrough !== undefined) return { ...call, putThrough };
  const asked = await deps.doNotCall.asked(contact.phone);
  if (asked?.attempt === attemptId) return wrapUp(call, { disposition: 'opted-out', reason: OPTED_OUT }, deps);
  return wrapUp(call, { disposition: 'interrupted', reason: 'the worker that was calling stopped in the middle of the call' }, deps);
}
