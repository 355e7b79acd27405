import type { CallDeps, Ending, OwnedCall } from './call-deps.ts';
import { type CallVerdict, callFacts } from './call-job.ts';
import { optOut } from './opt-out.ts';
import { outboxOf } from './outbox.ts';
import type { Outcome } from './outcome.ts';
import { redialAfter } from './redial.ts';

/** How soon an attempt that somebody else owns is looked at again. Milliseconds. */
const LOOK_AGAIN_MS = 10_000;

/** Writes the outcome, once, together with what is to be told of it and with the next attempt, where one is to follow. */
export async function wrapUp(call: OwnedCall, ending: Ending, deps: CallDeps): Promise<CallVerdict> {
  const { crmContactId, crmUpdate, service, redialInMs, ...known } = ending;
  const endedAt = known.endedAt ?? deps.now();
  const outcome: Outcome = {
    startedAt: call.startedAt,
    transcript: [],
    ...known,
    ...(call.campaign.transcript === false && { transcript: [] }),
    endedAt,
    talkMs: known.answeredAt === undefined ? 0 : Math.max(0, endedAt - known.answeredAt),
  };
  const { attemptId, epoch, job, contact, campaign } = call;
  const at = redialInMs === undefined ? redialAfter(outcome, job.data.attempt, deps.redial) : endedAt + redialInMs;
  const ended = { attemptId, attempt: job.data.attempt, campaign, contact, outcome, crmContactId, crmUpdate, service, redialAt: at };
  const redial = at === undefined ? undefined : { campaign: campaign.name, phone: contact.phone, number: job.data.attempt + 1, at };
  if (outcome.disposition === 'opted-out') await optOut(call, deps);
  const written = await deps.ledger.end(attemptId, epoch, outcome, outboxOf(ended, deps), redial);
  job.log(`${outcome.disposition}: ${outcome.reason}`);
  const facts = { ...callFacts(job), disposition: outcome.disposition, talkMs: outcome.talkMs };
  if (!written) return othersWord(call, facts, deps);
  deps.log.info(facts, `call ended: ${outcome.reason}`);
  // One that is dialled again has not failed for good.
  if (outcome.disposition === 'failed' && redial === undefined) {
    deps.alertCallFailed({
      attempt: attemptId,
      campaign: campaign.name,
      phone: contact.phone,
      reason: outcome.reason,
      service,
      at: endedAt,
    });
  }
  if (redial !== undefined) {
    deps.redialWritten();
    job.log(`called once more as attempt ${redial.number}, not before ${new Date(redial.at).toISOString()}`);
  }
  return { kind: 'ended', outcome };
}

/** Another worker owns the attempt by now: its word counts, also for what the queue shows. */
async function othersWord({ attemptId, job }: OwnedCall, facts: object, deps: CallDeps): Promise<CallVerdict> {
  deps.log.warn(facts, 'call ended, but another worker owns its attempt by now: its word counts');
  job.log('another worker owns this attempt by now: its word counts');
  const entry = await deps.ledger.read(attemptId);
  if (entry?.state === 'ended') return { kind: 'ended', outcome: entry.outcome };
  return { kind: 'parked', until: deps.now() + LOOK_AGAIN_MS, reason: 'another worker owns this attempt' };
}
