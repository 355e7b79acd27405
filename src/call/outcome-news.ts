import type { EndedAttempt } from './outbox.ts';
import type { OutcomeNews } from './outbox-entry.ts';

/** How an attempt ended, as a program elsewhere is told. Numbers are whole here: whoever is told knows the contact by them. */
export function outcomeNews({ attemptId, attempt, campaign, contact, outcome, redialAt }: EndedAttempt): OutcomeNews {
  const { disposition, reason, startedAt, answeredAt, endedAt, talkMs, transcript, answers, callBackAt, recording, putThrough } = outcome;
  return {
    type: 'attempt.ended',
    timestamp: iso(endedAt),
    data: {
      ...{ attemptId, attempt, campaign: campaign.name },
      contact: { phone: contact.phone, name: contact.name, crmId: contact.crmId, variables: contact.variables },
      ...{ disposition, reason, startedAt: iso(startedAt), endedAt: iso(endedAt), talkMs, transcript, answers, recording, putThrough },
      answeredAt: answeredAt === undefined ? undefined : iso(answeredAt),
      callBackAt: callBackAt === undefined ? undefined : iso(callBackAt),
      redialAt: redialAt === undefined ? null : iso(redialAt),
    },
  };
}

function iso(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
