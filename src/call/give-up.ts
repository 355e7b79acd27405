import type { CallDeps } from './call-deps.ts';
import type { CallJobData } from './call-job.ts';

/** Ends what no worker gets through: as failed, or as interrupted where the phone may have rung. */
export async function giveUp(data: CallJobData, reason: string, deps: Pick<CallDeps, 'ledger' | 'now'>): Promise<void> {
  const claim = await deps.ledger.claim(data.attemptId, data.phone);
  if (claim.kind === 'leased' || claim.kind === 'number-busy')
    throw new Error(`attempt ${data.attemptId} can't be given up while somebody may be at work on it`);
  if (claim.kind !== 'claimed') return;
  const at = deps.now();
  const disposition = claim.before === 'dialing' ? 'interrupted' : 'failed';
  await deps.ledger.end(data.attemptId, claim.epoch, { disposition, reason, startedAt: at, endedAt: at, talkMs: 0, transcript: [] }, []);
}
