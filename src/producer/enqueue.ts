import type { CountryCode } from 'libphonenumber-js/max';
import type { Campaign } from '../call/campaign.ts';
import type { Contact } from '../call/contact.ts';
import type { ContactSink, SinkResult } from '../call/contact-sink.ts';
import type { ContactLine } from './contact-columns.ts';
import type { ContactFile } from './contact-file.ts';
import { createContactMaker } from './contact-maker.ts';
import { createPhoneLines } from './phone-lines.ts';
import type { RejectedFile } from './rejected-file.ts';

export interface EnqueueCounts {
  /** Lines with something on them, the header not counted. */
  lines: number;
  added: number;
  updated: number;
  /** In the campaign already, from an earlier run. */
  duplicates: number;
  /** A number that stood further up in the same file; also in the rejected file, because two people may share it. */
  repeated: number;
  alreadyDialled: number;
  rejected: number;
}

export interface EnqueueOptions {
  contacts: Pick<ContactFile, 'lines'>;
  campaign: Campaign;
  sink: Pick<ContactSink, 'add'>;
  rejected: Pick<RejectedFile, 'write'>;
  /** Where numbers without a country code belong. */
  country: CountryCode;
  update: boolean;
  dryRun: boolean;
  /** Called after every batch with the same, growing counts. */
  onProgress: (counts: Readonly<EnqueueCounts>) => void;
  /** Stops between two batches; what the sink has been given stays, and the counts say so. */
  signal: AbortSignal;
}

/** One Lua call and one bulk add of this size take Redis some 20 ms, during which nobody else is served. */
const BATCH_CONTACTS = 1_000;

const COUNTED = {
  added: 'added',
  updated: 'updated',
  duplicate: 'duplicates',
  'already-dialled': 'alreadyDialled',
} as const satisfies Record<SinkResult, keyof EnqueueCounts>;

/**
 * Gives every contact of a file to the sink, at most two batches in memory: one at the sink, one being read.
 * Doing it again adds nothing twice, so after whatever ended it, the way on is the same command.
 */
export async function enqueueContacts(options: EnqueueOptions): Promise<EnqueueCounts> {
  const { sink, update, dryRun, signal, onProgress } = options;
  const counts: EnqueueCounts = { lines: 0, added: 0, updated: 0, duplicates: 0, repeated: 0, alreadyDialled: 0, rejected: 0 };
  const understand = createUnderstand(options, counts);
  let atSink: Promise<void> = Promise.resolve();
  const give = async (contacts: Contact[]) => {
    await atSink;
    if (signal.aborted || contacts.length === 0) return;
    atSink = sink.add(contacts, { update, dryRun }).then((results) => {
      for (const result of results) counts[COUNTED[result]] += 1;
      onProgress(counts);
    });
    // Its failure is met at the next `await atSink`; until then nobody else may take it for forgotten.
    atSink.catch(() => {});
  };

  let batch: Contact[] = [];
  for await (const lines of untilAborted(options.contacts.lines, signal)) {
    for (const line of lines) {
      const contact = understand(line);
      if (contact instanceof Promise) await contact;
      else batch.push(contact);
      if (batch.length < BATCH_CONTACTS) continue;
      await give(batch);
      batch = [];
      if (signal.aborted) break;
    }
  }
  await give(batch);
  await atSink;
  onProgress(counts);
  return counts;
}

/** A line's contact; or, when there is none, the promise that the rejected file has the reason. */
function createUnderstand(
  { campaign, country, rejected }: EnqueueOptions,
  counts: EnqueueCounts,
): (line: ContactLine) => Contact | Promise<void> {
  const make = createContactMaker({ campaign, country, now: Date.now() });
  const seen = createPhoneLines();
  return (line) => {
    counts.lines += 1;
    const made = 'problem' in line ? line : make(line.fields);
    if ('problem' in made) {
      counts.rejected += 1;
      return rejected.write(line.line, made.problem, line.original);
    }
    const earlier = seen.firstLineOf(made.phone, line.line);
    if (earlier === undefined) return made;
    counts.repeated += 1;
    return rejected.write(line.line, `the same number as in line ${earlier}`, line.original);
  };
}

/**
 * Ends when the signal aborts, also while the source (a terminal, a pipe) has nothing to say. Not by Promise.race with a promise that
 * outlives it: that one would keep every batch it ever raced with, and so the whole file.
 */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let giveUp = () => {};
  const onAbort = () => giveUp();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      const next = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        giveUp = () => resolve(undefined);
        iterator.next().then(resolve, reject);
      });
      if (!next || next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not awaited: a source that waits for input ends only when its stream does, which its owner closes.
    void iterator.return?.().catch(() => {});
  }
}
