import type { SheetRow } from '../delivery/sheet-row.ts';
import type { CrmCallRecord, WhichContact } from '../services/crm.ts';
import type { AnswerFields } from './campaign.ts';
import type { Contact } from './contact.ts';
import type { Outcome } from './outcome.ts';

/** One thing to be told to the outside about an ended attempt. `id` is the same however often it is told. */
export type OutboxEntry =
  | { id: string; kind: 'crm-call-record'; data: CrmDelivery }
  | { id: string; kind: 'crm-contact-update'; data: CrmContactUpdate }
  | { id: string; kind: 'sheet-row'; data: SheetRow }
  | { id: string; kind: 'outcome-webhook'; data: OutcomeNews };

/** What the callee told us that the CRM is to know. */
export interface CrmContactUpdate extends WhichContact {
  properties: Record<string, string>;
}

/** A call record on its way to the CRM; what was said is summarised on the way. */
export interface CrmDelivery {
  /** With an empty body. */
  record: CrmCallRecord;
  reason: string;
  /** Answers and a call-back's time, a line each. Absent in what older releases left in the outbox. */
  notes?: string | undefined;
  /** Empty when nobody spoke. */
  transcript: string;
  /** BCP 47. */
  language: string;
  /** What the call was to find out, and did not write down. Absent in what older releases left in the outbox. */
  missing?: AnswerFields | undefined;
}

/** In the form of https://www.standardwebhooks.com. Times are ISO 8601, UTC; what there is nothing to say of is left out. */
export interface OutcomeNews {
  type: 'attempt.ended';
  timestamp: string;
  data: Pick<Outcome, 'disposition' | 'reason' | 'talkMs' | 'transcript' | 'answers' | 'recording' | 'putThrough'> & {
    attemptId: string;
    attempt: number;
    campaign: string;
    contact: Pick<Contact, 'phone' | 'name' | 'crmId' | 'variables'>;
    startedAt: string;
    answeredAt: string | undefined;
    endedAt: string;
    callBackAt: string | undefined;
    /** When the contact is called again; null: this was the last attempt. */
    redialAt: string | null;
  };
}
