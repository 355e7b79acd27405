import { checkTransfer, type Transfers } from './check-transfer.ts';

/** What the outside saw of a run; nothing in here is the product's own word for itself. */
export interface Sightings {
  /** Numbers that were accepted. */
  enqueued: readonly string[];
  /** One for each INVITE. The attempt is known where the far end sees the channel's name. */
  dials: readonly { number: string; at: number; attempt?: string | undefined }[];
  /** Call records in the CRM. */
  rows: readonly { number: string; attempt: string; disposition: string; durationMs: number }[];
  /** Every record that the CRM was ever asked to write, also the ones that it overwrote. */
  told: readonly { number: string; attempt: string; disposition: string; at: number }[];
  /** Who picked up; undefined where nobody can tell. */
  talks: readonly { number: string }[] | undefined;
  /** When workers, as seen on the wire, asked to be allowed to dial: from then on a phone may have rung. */
  marks: readonly number[];
  /** Channels that were there after the last fault for longer than they may be. */
  orphans: readonly string[];
  bridges: readonly string[];
  /** A service failed for so long that calls may have failed with it, before anybody was dialled. */
  mayFail?: boolean;
  /** How long after an interrupted attempt the contact is called once more. Milliseconds. */
  redialMs: number;
  /** Of callees who want to talk to a colleague. */
  transfers?: Transfers | undefined;
}

export interface Violation {
  /** Of the design's promises. */
  promise: 'P1' | 'P2' | 'P3' | 'P7' | 'P8' | 'nowhere' | 'cut off';
  what: string;
}

export type Tell = (promise: Violation['promise'], what: string) => void;

/** Has an outcome that nothing follows on: who was interrupted is called once more. */
export function isAccountedFor(number: string, rows: Sightings['rows']): boolean {
  const own = rows.filter((row) => row.number === number);
  return own.length > 1 || own.some(({ disposition }) => disposition !== 'interrupted');
}

/** Every promise that a run broke. */
export function check(seen: Sightings): Violation[] {
  const found: Violation[] = [];
  const tell: Tell = (promise, what) => void found.push({ promise, what });
  for (const number of seen.enqueued) checkContact(number, seen, tell);

  if (seen.transfers !== undefined) for (const number of seen.enqueued) checkTransfer(number, seen, seen.transfers, tell);

  const known = new Set(seen.enqueued);
  for (const { number } of [...seen.dials, ...seen.rows, ...(seen.talks ?? [])]) {
    if (!known.has(number)) tell('nowhere', `${number} was never enqueued`);
  }
  for (const channel of seen.orphans) tell('P3', `channel ${channel} outlived its owner`);
  for (const bridge of seen.bridges) tell('P3', `bridge ${bridge} was left behind`);
  return found;
}

function checkContact(number: string, seen: Sightings, tell: Tell): void {
  const of = <T extends { number: string }>(all: readonly T[]) => all.filter((one) => one.number === number);
  const [rows, told, dials] = [of(seen.rows), of(seen.told).sort(byTime), of(seen.dials).sort(byTime)];
  const interrupted = rows.filter(({ disposition }) => disposition === 'interrupted');

  if (rows.length === 0) tell('P1', 'lost: no outcome');
  else if (!isAccountedFor(number, rows)) tell('P1', 'interrupted, and not called once more');
  if (rows.length > (interrupted.length > 0 ? 2 : 1)) tell('P7', `${rows.length} call records`);
  for (const attempt of new Set(told.map((one) => one.attempt))) {
    const words = new Set(told.filter((one) => one.attempt === attempt).map(({ disposition }) => disposition));
    if (words.size > 1) tell('P1', `told as ${[...words].join(', then as ')}`);
  }
  checkDials({ dials, told, attempts: Math.max(1, Math.min(rows.length, 2)), redialMs: seen.redialMs }, tell);

  if (dials.length === 0 && rows.length > interrupted.length) {
    const word = rows.find(({ disposition }) => disposition !== 'interrupted')?.disposition;
    if (word !== 'failed' || !seen.mayFail) tell('P1', `consumed without a dial: ${word}`);
  }
  const firstToldAt = told[0]?.at ?? Number.POSITIVE_INFINITY;
  if (dials.length === 0 && interrupted.length > 0 && !seen.marks.some((at) => at < firstToldAt)) {
    tell('P1', 'interrupted, though no phone can have rung');
  }
  if (of(seen.talks ?? []).length === 0 && seen.talks !== undefined) {
    for (const { durationMs } of rows) if (durationMs > 0) tell('nowhere', `a talk of ${durationMs} ms with nobody`);
  }
}

interface Dialled {
  dials: Sightings['dials'];
  told: Sightings['told'];
  /** Two where the first was interrupted. */
  attempts: number;
  redialMs: number;
}

function checkDials({ dials, told, attempts, redialMs }: Dialled, tell: Tell): void {
  if (dials.length > attempts) {
    tell('P2', `dialled ${dials.length} times${attempts > 1 ? ` in ${attempts} attempts` : ''}`);
    return;
  }
  const byAttempt = new Map<string, number>();
  for (const { attempt } of dials) if (attempt !== undefined) byAttempt.set(attempt, (byAttempt.get(attempt) ?? 0) + 1);
  for (const count of byAttempt.values()) if (count > 1) tell('P2', `one attempt dialled ${count} times`);
  for (const { at, attempt } of dials) {
    const word = told.find((one) => one.attempt === attempt);
    if (word !== undefined && at > word.at) tell('P2', 'dialled after its outcome had been told');
  }
  // Only the next attempt may still be dialled when the outcome of the first has been told.
  const firstToldAt = told[0]?.at ?? Number.POSITIVE_INFINITY;
  const late = dials.filter(({ at, attempt }) => attempt === undefined && at > firstToldAt);
  if (late.length > attempts - 1) tell('P2', 'dialled after its outcome had been told');
  const [first, second] = dials;
  if (first !== undefined && second !== undefined && second.at - first.at < redialMs) {
    tell('P2', `dialled again after ${second.at - first.at} ms, not ${redialMs} ms`);
  }
}

function byTime(one: { at: number }, other: { at: number }): number {
  return one.at - other.at;
}
