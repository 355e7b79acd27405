import type { EndedAttempt } from './outbox.ts';
import type { CrmDelivery } from './outbox-entry.ts';
import type { Answers, Outcome, TranscriptEntry } from './outcome.ts';

/** HubSpot cuts a call's body at 65,536 characters; a transcript longer than this loses its middle. */
const MAX_TRANSCRIPT = 40_000;

export function crmDelivery({ attemptId, campaign, contact, outcome, crmContactId }: EndedAttempt): CrmDelivery {
  const record = {
    key: attemptId,
    contactId: crmContactId,
    from: campaign.callerId,
    to: contact.phone,
    startedAt: outcome.answeredAt ?? outcome.startedAt,
    durationMs: outcome.talkMs,
    disposition: outcome.disposition,
    messageLeft: outcome.messageLeft ?? false,
    title: `${campaign.name}: ${outcome.disposition}`,
    body: '',
  };
  return {
    record,
    reason: outcome.reason,
    notes: notesOf(outcome),
    transcript: transcriptText(outcome.transcript),
    language: campaign.language,
    missing: Object.fromEntries(Object.entries(campaign.answers ?? {}).filter(([name]) => !Object.hasOwn(outcome.answers ?? {}, name))),
  };
}

/** What the call brought home, a line each. */
function notesOf({ answers = {}, callBackAt, putThrough }: Outcome): string {
  const lines = Object.keys(answers).length > 0 ? [answerLines(answers)] : [];
  if (callBackAt !== undefined) lines.push(`call back: ${new Date(callBackAt).toISOString()}`);
  if (putThrough !== undefined) lines.push(`put through to: ${putThrough.to}${talkedFor(putThrough.talkMs)}`);
  return lines.join('\n');
}

function talkedFor(talkMs: number | undefined): string {
  return talkMs === undefined ? '' : `; they talked for ${Math.round(talkMs / 1000)} s`;
}

/** A line each. */
export function answerLines(answers: Answers): string {
  return Object.entries(answers)
    .map(([name, value]) => `${name}: ${value === true ? 'yes' : value === false ? 'no' : value}`)
    .join('\n');
}

/** The transcript as a human reads it. */
export function transcriptText(transcript: readonly TranscriptEntry[]): string {
  const lines = transcript.map(({ speaker, text, atMs, bargedIn }) => {
    const seconds = Math.floor(atMs / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    return `${clock} ${speaker === 'agent' ? 'Agent' : 'Callee'}: ${text}${bargedIn ? ' …' : ''}`;
  });
  const text = lines.join('\n');
  if (text.length <= MAX_TRANSCRIPT) return text;
  return `${text.slice(0, MAX_TRANSCRIPT / 2)}\n[…]\n${text.slice(-MAX_TRANSCRIPT / 2)}`;
}
