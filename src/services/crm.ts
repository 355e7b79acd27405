import type { Disposition } from '../call/outcome.ts';

export interface CrmContact {
  id: string;
  name?: string | undefined;
  /** Properties asked for that had a value. */
  properties: Record<string, string>;
}

/** A finished call, as the CRM is told of it. */
export interface CrmCallRecord {
  /** The same for the same attempt, always: the CRM keeps one record a key. */
  key: string;
  contactId?: string | undefined;
  from: string;
  to: string;
  /** Unix milliseconds. */
  startedAt: number;
  durationMs: number;
  disposition: Disposition;
  /** An answering machine has our message on its tape. */
  messageLeft?: boolean | undefined;
  title: string;
  /** Plain text: summary and transcript. */
  body: string;
}

export interface WhichContact {
  crmId?: string | undefined;
  /** E.164. */
  phone: string;
}

export interface Crm {
  /** By id when there is one, else by phone; undefined when the CRM knows nobody of that kind. Throws a ServiceError. */
  findContact(who: WhichContact & { properties?: readonly string[] | undefined }, signal: AbortSignal): Promise<CrmContact | undefined>;
  /** Writes these properties; false when the CRM knows nobody of that kind. Repeatable. Throws a ServiceError. */
  updateContact(who: WhichContact, properties: Record<string, string>, signal: AbortSignal): Promise<boolean>;
  /** Writes the record once, however often it is called with the same key, and ties it to the contact. Throws a ServiceError. */
  recordCall(record: CrmCallRecord, signal: AbortSignal): Promise<void>;
}
