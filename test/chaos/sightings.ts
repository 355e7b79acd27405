/** What the outside saw of a run; nothing in here is the product's own word for itself. */
export interface Sightings {
  /** Numbers that were accepted. */
  enqueued: readonly string[];
  /** One for each INVITE. */
  dials: readonly { number: string; at: number }[];
  /** Call records in the CRM. */
  rows: readonly { number: string; attempt: string; disposition: string; durationMs: number }[];
  /** Every record that the CRM was ever asked to write, also the ones that it overwrote. */
  told: readonly { number: string; attempt: string; disposition: string; at: number }[];
  /** Who picked up; undefined where nobody can tell. */
  talks: readonly { number: string }[] | undefined;
  /** Asked for by a worker, as seen on the wire: from here on a phone may have rung. */
  mayHaveRung: boolean;
  /** Channels that were there after the last fault for longer than they may be. */
  orphans: readonly string[];
  bridges: readonly string[];
}

export interface Violation {
  /** Of the design's promises. */
  promise: 'P1' | 'P2' | 'P3' | 'P7' | 'nowhere';
  what: string;
}

/** Every promise that a run broke. */
export function check(seen: Sightings): Violation[] {
  const found: Violation[] = [];
  const tell = (promise: Violation['promise'], what: string) => void found.push({ promise, what });
  for (const number of seen.enqueued) checkContact(number, seen, tell);

  const known = new Set(seen.enqueued);
  for (const { number } of [...seen.dials, ...seen.rows, ...(seen.talks ?? [])]) {
    if (!known.has(number)) tell('nowhere', `${number} was never enqueued`);
  }
  for (const channel of seen.orphans) tell('P3', `channel ${channel} outlived its owner`);
  for (const bridge of seen.bridges) tell('P3', `bridge ${bridge} was left behind`);
  return found;
}

function checkContact(number: string, seen: Sightings, tell: (promise: Violation['promise'], what: string) => void): void {
  const of = <T extends { number: string }>(all: readonly T[]) => all.filter((one) => one.number === number);
  const [dials, rows, talks] = [of(seen.dials), of(seen.rows), seen.talks && of(seen.talks)];

  if (rows.length === 0) tell('P1', 'lost: no outcome');
  // A redial comes minutes later, after every run.
  if (dials.length > 1) tell('P2', `dialled ${dials.length} times`);
  if (rows.length > 1) tell('P7', `${rows.length} call records`);
  const firstToldAt = Math.min(...of(seen.told).map(({ at }) => at));
  if (dials.some(({ at }) => at > firstToldAt)) tell('P2', 'dialled after its outcome had been told');
  const words = new Set(of(seen.told).map(({ disposition }) => disposition));
  if (words.size > 1) tell('P1', `told as ${[...words].join(', then as ')}`);

  for (const { disposition, durationMs } of rows) {
    const isInterrupted = disposition === 'interrupted';
    if (dials.length === 0 && isInterrupted && !seen.mayHaveRung) tell('P1', 'interrupted, though no phone can have rung');
    if (dials.length === 0 && !isInterrupted) tell('P1', `consumed without a dial: ${disposition}`);
    if (talks?.length === 0 && durationMs > 0) tell('nowhere', `a talk of ${durationMs} ms with nobody`);
  }
}
