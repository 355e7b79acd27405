import type { Disposition } from '../call/outcome.ts';
import type { CrmCallRecord } from './crm.ts';

/** HubSpot's own call outcomes; every account has them. GET /calling/v1/dispositions lists them. */
const OUTCOMES = {
  busy: '9d9162e7-6cf3-4944-bf63-4dff82258764',
  connected: 'f240bbac-87c9-4f6e-bf70-924b57d47db7',
  leftVoicemail: 'b2cf5968-551e-4856-9783-52b3da59a7d0',
  noAnswer: '73a0d17f-1163-4015-bdd5-ec830791da20',
  wrongNumber: '17b47fee-58de-441e-a44c-c6300d46f273',
} as const;

interface HubSpotDisposition {
  status: 'BUSY' | 'CANCELED' | 'COMPLETED' | 'FAILED' | 'NO_ANSWER';
  /** Undefined where none of HubSpot's outcomes would be true. */
  outcome?: (typeof OUTCOMES)[keyof typeof OUTCOMES];
}

/** "Connected" is said only where a person was talked to, "left voicemail" only where a machine has our message. */
export const HUBSPOT_DISPOSITIONS: Readonly<Record<Disposition, HubSpotDisposition>> = {
  completed: { status: 'COMPLETED', outcome: OUTCOMES.connected },
  'hung-up': { status: 'COMPLETED', outcome: OUTCOMES.connected },
  'opted-out': { status: 'COMPLETED', outcome: OUTCOMES.connected },
  transferred: { status: 'COMPLETED', outcome: OUTCOMES.connected },
  // A message that was left is told apart.
  voicemail: { status: 'COMPLETED' },
  busy: { status: 'BUSY', outcome: OUTCOMES.busy },
  'no-answer': { status: 'NO_ANSWER', outcome: OUTCOMES.noAnswer },
  rejected: { status: 'NO_ANSWER', outcome: OUTCOMES.noAnswer },
  'invalid-number': { status: 'FAILED', outcome: OUTCOMES.wrongNumber },
  // Something answered, but nobody was talked to.
  screened: { status: 'COMPLETED' },
  ivr: { status: 'COMPLETED' },
  fax: { status: 'COMPLETED' },
  silent: { status: 'COMPLETED' },
  congestion: { status: 'FAILED' },
  interrupted: { status: 'FAILED' },
  cancelled: { status: 'CANCELED' },
  failed: { status: 'FAILED' },
};

/** HubSpot's limit for `hs_call_body`. Characters. */
const MAX_BODY_LENGTH = 65_536;
const CUT = '<br>(cut off here: too long for HubSpot)';

/** All values are strings: HubSpot's schema refuses numbers. */
export function toCallProperties(record: CrmCallRecord): Record<string, string> {
  const { status, outcome: usual } = HUBSPOT_DISPOSITIONS[record.disposition];
  const outcome = record.messageLeft ? OUTCOMES.leftVoicemail : usual;
  return {
    hs_timestamp: String(Math.round(record.startedAt)),
    hs_call_title: record.title,
    hs_call_body: toHtml(record.body),
    hs_call_direction: 'OUTBOUND',
    hs_call_status: status,
    ...(outcome === undefined ? {} : { hs_call_disposition: outcome }),
    hs_call_duration: String(Math.round(record.durationMs)),
    hs_call_from_number: record.from,
    hs_call_to_number: record.to,
  };
}

/** HubSpot shows the body as HTML, and what callees say is theirs to choose: it is text, not markup. */
function toHtml(text: string): string {
  const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(/\r?\n/g, '<br>');
  if (html.length <= MAX_BODY_LENGTH) return html;
  // Not within an entity or a tag.
  return html.slice(0, MAX_BODY_LENGTH - CUT.length).replace(/(&[a-z]*|<[a-z]*)$/, '') + CUT;
}
