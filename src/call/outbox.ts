import type { CallDeps } from './call-deps.ts';
import type { Campaign } from './campaign.ts';
import type { Contact } from './contact.ts';
import { crmDelivery } from './crm-call-record.ts';
import type { OutboxEntry } from './outbox-entry.ts';
import type { Outcome } from './outcome.ts';
import { outcomeNews } from './outcome-news.ts';
import { sheetCallRow } from './sheet-call-row.ts';

/** An attempt that has ended, for whoever is told of it. */
export interface EndedAttempt {
  attemptId: string;
  /** 1 for the first dial of this contact. */
  attempt: number;
  campaign: Pick<Campaign, 'name' | 'callerId' | 'language' | 'answers'>;
  contact: Contact;
  outcome: Outcome;
  crmContactId?: string | undefined;
  /** Properties of the contact that the call has changed. */
  crmUpdate?: Record<string, string> | undefined;
  /** The service that failed it, if one did. */
  service?: string | undefined;
  /** When the contact is called again; undefined: never. Unix milliseconds. */
  redialAt?: number | undefined;
}

/** What is to be told of it, one entry for each that is configured. However an attempt ends, whoever wrote it down: everybody hears of it once. */
export function outboxOf(
  ended: EndedAttempt,
  { crm, sheet, outcomeWebhook }: Pick<CallDeps, 'crm' | 'sheet' | 'outcomeWebhook'>,
): OutboxEntry[] {
  const { attemptId } = ended;
  const entries: OutboxEntry[] = [];
  if (crm !== undefined) entries.push({ id: `${attemptId}-crm`, kind: 'crm-call-record', data: crmDelivery(ended) });
  if (crm !== undefined && ended.crmUpdate !== undefined) {
    const data = { crmId: ended.crmContactId, phone: ended.contact.phone, properties: ended.crmUpdate };
    entries.push({ id: `${attemptId}-crm-contact`, kind: 'crm-contact-update', data });
  }
  if (sheet) entries.push({ id: `${attemptId}-sheet`, kind: 'sheet-row', data: sheetCallRow(ended) });
  if (outcomeWebhook) entries.push({ id: `${attemptId}-webhook`, kind: 'outcome-webhook', data: outcomeNews(ended) });
  return entries;
}
