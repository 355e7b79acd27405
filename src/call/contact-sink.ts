import type { Contact } from './contact.ts';

/** What became of a contact: `duplicate` is in the campaign already, `already-dialled` is past being updated. */
export type SinkResult = 'added' | 'duplicate' | 'updated' | 'already-dialled';

export interface AddOptions {
  /** Replace the data of contacts that have not been dialled yet. */
  update: boolean;
  /** Look, but write nothing. */
  dryRun: boolean;
}

/** Where the producer puts a campaign's contacts, and what makes call jobs of them. */
export interface ContactSink {
  /** One result a contact, in their order. The first one also makes the campaign known to the workers, in its latest form. */
  add(contacts: Contact[], options: AddOptions): Promise<SinkResult[]>;
  close(): Promise<void>;
}
