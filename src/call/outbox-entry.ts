import type { CrmCallRecord } from '../services/crm.ts';

/** One thing to be told to the outside about an ended attempt. `id` is the same however often it is told. */
export interface OutboxEntry {
  id: string;
  kind: 'crm-call-record';
  data: CrmCallRecord;
}
