import type { CallDeps } from './call-deps.ts';
import type { CallJobData } from './call-job.ts';
import { outboxOf } from './outbox.ts';
import type { Outcome } from './outcome.ts';
import { redialAfter } from './redial.ts';

export type GiveUpDeps = Pick<CallDeps, 'ledger' | 'campaigns' | 'crm' | 'sheet' | 'outcomeWebhook' | 'redial' | 'alertCallFailed' | 'now'>;

/** Ends what no worker gets through: as failed, or as interrupted where the phone may have rung. */
export async function giveUp(data: CallJobData, reason: string, deps: GiveUpDeps): Promise<void> {
  const { attemptId, attempt, phone, campaign: name } = data;
  const entry = await deps.ledger.read(attemptId);
  const claim = await deps.ledger.claim(attemptId, phone);
  if (claim.kind === 'leased' || claim.kind === 'number-busy')
    throw new Error(`attempt ${attemptId} can't be given up while somebody may be at work on it`);
  if (claim.kind !== 'claimed' || entry === undefined || entry.state === 'ended') return;
  const at = deps.now();
  const disposition = claim.before === 'dialing' ? 'interrupted' : 'failed';
  const outcome: Outcome = { disposition, reason, startedAt: at, endedAt: at, talkMs: 0, transcript: [] };
  const redialAt = redialAfter(outcome, attempt, deps.redial);
  const campaign = (await deps.campaigns.load(name)) ?? { name, callerId: '', language: 'en' };
  const outbox = outboxOf({ attemptId, attempt, campaign, contact: entry.contact, outcome, redialAt }, deps);
  const redial = redialAt === undefined ? undefined : { campaign: name, phone, number: attempt + 1, at: redialAt };
  await deps.ledger.end(attemptId, claim.epoch, outcome, outbox, redial);
  if (disposition === 'failed') deps.alertCallFailed({ attempt: attemptId, campaign: name, phone, reason, at });
}
