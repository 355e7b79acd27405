import type { CallDeps } from './call-deps.ts';
import { outboxOf } from './outbox.ts';
import type { Outcome } from './outcome.ts';

export type CancelDeps = Pick<CallDeps, 'ledger' | 'campaigns' | 'crm' | 'sheet' | 'outcomeWebhook' | 'now' | 'log'>;

/** Ends an attempt that nobody is to dial any more, and has it told. False when it was dialled, is over, or somebody is at work on it. */
export async function cancelAttempt(attemptId: string, reason: string, deps: CancelDeps): Promise<boolean> {
  const entry = await deps.ledger.read(attemptId);
  if (entry === undefined || entry.state === 'ended') return false;
  const at = deps.now();
  const outcome: Outcome = { disposition: 'cancelled', reason, startedAt: at, endedAt: at, talkMs: 0, transcript: [] };
  const { contact, number: attempt } = entry;
  // An enqueue that died early may have left its contacts without their campaign: they are told of all the same.
  const campaign = (await deps.campaigns.load(entry.campaign)) ?? { name: entry.campaign, callerId: '', language: 'en' };
  const done = await deps.ledger.cancel(attemptId, outcome, outboxOf({ attemptId, attempt, campaign, contact, outcome }, deps));
  if (done) deps.log.warn({ callId: attemptId, attempt, campaign: entry.campaign, disposition: 'cancelled' }, `call cancelled: ${reason}`);
  return done;
}
