import type { SheetRow } from '../delivery/sheet-row.ts';
import type { EndedAttempt } from './outbox.ts';

/** The spreadsheet's row of an ended call. */
export function sheetCallRow({ attemptId, attempt, campaign, contact, outcome, service = 'asterisk' }: EndedAttempt): SheetRow {
  return {
    id: attemptId,
    timestamp: new Date(outcome.endedAt).toISOString(),
    kind: 'call',
    service,
    error: outcome.disposition === 'failed' || outcome.disposition === 'interrupted' ? outcome.reason : '',
    breakerState: '',
    message: outcome.reason,
    callId: attemptId,
    attempt,
    campaign: campaign.name,
    phone: contact.phone,
    disposition: outcome.disposition,
    talkSeconds: Math.round(outcome.talkMs / 1000),
  };
}
