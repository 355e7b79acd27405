import { UserError } from '../errors.ts';
import type { CallDeps, Ending } from './call-deps.ts';
import { type CallJob, type CallVerdict, callFacts } from './call-job.ts';
import type { Campaign } from './campaign.ts';
import type { Contact } from './contact.ts';
import { nextDialTime } from './hours.ts';
import { askedNotToBeCalled } from './opt-out.ts';
import type { Outcome } from './outcome.ts';
import { redialAfter } from './redial.ts';
import { waitForService } from './wait-for-service.ts';

/** Where no dial time lies ahead at all (zones whose hours never meet), a human may mend the file meanwhile. */
const NO_TIME_AHEAD_MS = 24 * 3_600_000;

export interface AdmittedCall {
  campaign: Campaign;
  contact: Contact;
  /** Nobody is dialled: they asked not to be called, or a service is down and the campaign would rather fail the call than have it wait. */
  ending?: Ending;
}

/**
 * The one gate, evaluated at the last moment; it fails closed. Who isn't admitted goes back to the queue with the
 * reason and a time to look again, and spends no attempt.
 */
export async function admit(job: CallJob, deps: CallDeps): Promise<AdmittedCall | CallVerdict> {
  const entry = await deps.ledger.read(job.data.attemptId);
  if (entry === undefined) {
    throw new UserError(
      `The ledger knows nothing of attempt ${job.data.attemptId}, so nobody is dialled. The job may have been added by hand or the ledger lost: enqueue the contact again.`,
    );
  }
  if (entry.state === 'ended') {
    job.log(
      `already ended as ${entry.outcome.disposition} (${entry.outcome.reason}): a retry of this job dials nobody. ${next(job, entry.outcome, deps)}`,
    );
    return { kind: 'ended', outcome: entry.outcome };
  }
  const park = (until: number, reason: string): CallVerdict => {
    job.log(`not now: ${reason}; looking again at ${new Date(until).toISOString()}`);
    deps.log.info({ ...callFacts(job), until }, `call parked: ${reason}`);
    return { kind: 'parked', until, reason };
  };

  const now = deps.now();
  const campaign = await deps.campaigns.load(job.data.campaign);
  if (campaign === undefined) return park(now + NO_TIME_AHEAD_MS, `campaign ${job.data.campaign} is not in Redis; enqueue it again`);

  // Nobody is dialled: they talk already, and wait for a worker that watches over them.
  if (entry.putThrough !== undefined) return { campaign, contact: entry.contact };

  const asked = await deps.doNotCall.asked(entry.contact.phone);
  if (asked !== undefined) {
    return { campaign, contact: entry.contact, ending: { disposition: 'cancelled', reason: askedNotToBeCalled(asked.at) } };
  }

  const times = nextDialTime({ now, timeZones: entry.contact.timeZones, hours: campaign.hours });
  if (!times.allowed) return park(times.at ?? now + NO_TIME_AHEAD_MS, times.reason);

  const unavailable = deps.telephony.unavailable();
  if (unavailable !== undefined) return waitForService(job, 'asterisk', unavailable, deps);

  const refused = deps.fences.refusing(campaign);
  if (refused !== undefined) {
    const reason = `${refused.service} is down since ${new Date(refused.since).toISOString()}: ${refused.reason}`;
    if (campaign.whenServiceDown === 'fail') {
      return { campaign, contact: entry.contact, ending: { disposition: 'failed', service: refused.service, reason } };
    }
    return waitForService(job, refused.service, reason, deps);
  }
  return { campaign, contact: entry.contact };
}

/** What an operator who pressed "retry" in Bull Board wants to know: whether this contact is called again. */
function next({ data }: CallJob, outcome: Outcome, deps: CallDeps): string {
  const at = redialAfter(outcome, data.attempt, deps.redial);
  if (at === undefined) return `After ${outcome.disposition} on attempt ${data.attempt} the redial rules make no further one.`;
  return `Its redial, attempt ${data.attempt + 1}, was made when it ended and is due at ${new Date(at).toISOString()}.`;
}
