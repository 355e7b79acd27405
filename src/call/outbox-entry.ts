import type { SheetRow } from '../delivery/sheet-row.ts';
import type { CrmCallRecord } from '../services/crm.ts';

/** One thing to be told to the outside about an ended attempt. `id` is the same however often it is told. */
export type OutboxEntry = { id: string; kind: 'crm-call-record'; data: CrmDelivery } | { id: string; kind: 'sheet-row'; data: SheetRow };

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
}
