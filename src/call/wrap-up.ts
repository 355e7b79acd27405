import type { CallDeps, Ending, OwnedCall } from './call-deps.ts';
import type { CallVerdict } from './call-job.ts';
import { crmDelivery } from './crm-call-record.ts';
import type { OutboxEntry } from './outbox-entry.ts';
import type { Outcome } from './outcome.ts';

/** Writes the outcome, once, together with what is to be told of it. */
export async function wrapUp(call: OwnedCall, ending: Ending, deps: CallDeps): Promise<CallVerdict> {
  const { crmContactId, ...known } = ending;
  const endedAt = known.endedAt ?? deps.now();
  const outcome: Outcome = {
    startedAt: call.startedAt,
    transcript: [],
    ...known,
    endedAt,
    talkMs: known.answeredAt === undefined ? 0 : Math.max(0, endedAt - known.answeredAt),
  };
  const outbox: OutboxEntry[] =
    deps.crm === undefined
      ? []
      : [{ id: `${call.attemptId}-crm`, kind: 'crm-call-record', data: crmDelivery(call, outcome, crmContactId) }];
  const written = await deps.ledger.end(call.attemptId, call.epoch, outcome, outbox);
  call.job.log(`${outcome.disposition}: ${outcome.reason}`);
  const facts = { attempt: call.attemptId, campaign: call.campaign.name, disposition: outcome.disposition, talkMs: outcome.talkMs };
  if (written) deps.log.info(facts, `call ended: ${outcome.reason}`);
  else deps.log.warn(facts, 'call ended, but another worker owns its attempt by now: its word counts');
  return { kind: 'ended', outcome };
}
