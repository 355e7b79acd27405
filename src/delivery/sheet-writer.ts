import { ServiceError } from '../errors.ts';
import { type LoggedBreakerState, systemEvent } from '../log-facts.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../sleep.ts';
import { cellsOf, SHEET_HEADER, type SheetRow } from './sheet-row.ts';
import type { SheetStore } from './sheet-store.ts';

/** The table that rows are added to. Each of them sends one request and repeats nothing. */
export interface SheetTable {
  append(rows: readonly (readonly (string | number)[])[], signal: AbortSignal): Promise<void>;
  firstColumn(signal: AbortSignal): Promise<string[]>;
}

export interface SheetWriterOptions {
  store: SheetStore;
  table: SheetTable;
  log: Logger;
  /** Of the spreadsheet's own breaker. */
  breakerState: () => LoggedBreakerState;
  /** Takes secrets and phone numbers out of a cell. */
  clean: (text: string) => string;
  /** How often what has come together is written. Milliseconds. */
  everyMs?: number | undefined;
  /** After a first failure; doubled with each further one. Milliseconds. */
  firstWaitMs?: number | undefined;
}

export interface SheetWriter {
  start(): void;
  /** Ends the request that is under way; what is not written waits in Redis. Idempotent. */
  stop(): Promise<void>;
}

/** A service account may write 60 times a minute. */
const EVERY_MS = 3_000;
const FIRST_WAIT_MS = 5_000;
/** Of an outage: a human has mended it, and doesn't want to wait. */
const LONGEST_WAIT_MS = 300_000;
/** How much longer than its own wait a process keeps the lease. Milliseconds. */
const GRACE_MS = 10_000;
/** How long `stop` waits for Redis. Milliseconds. */
const STOP_MS = 2_000;

export const SHEETS_SERVICE = 'google-sheets';

/**
 * Writes the rows that wait, many in one request, a few times a minute; of several processes one. Whatever the
 * spreadsheet answers, rows stay until they stand in it: an outage delays them.
 */
export function createSheetWriter(options: SheetWriterOptions): SheetWriter {
  const { store, table, log, breakerState, clean, everyMs = EVERY_MS, firstWaitMs = FIRST_WAIT_MS } = options;
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let failures = 0;
  let headed = false;

  async function flush(): Promise<void> {
    const { signal } = stopping;
    const taken = await store.take();
    if (!('rows' in taken)) return;
    // Adding is not idempotent, and the answer to the last try may be all that was lost. A new process looks anyway: is there a header?
    const there = taken.kind === 'again' || !headed ? await table.firstColumn(signal) : undefined;
    const cells = withoutKnown(taken.rows, there ?? []).map((row) => cellsOf(row, clean));
    if (there?.length === 0) cells.unshift([...SHEET_HEADER]);
    if (cells.length > 0) await table.append(cells, signal);
    headed = true;
    await store.written();
  }

  async function tellRefused(): Promise<void> {
    const refused = await store.takeRefused();
    if (refused > 0) {
      const why = 'more rows waited for the spreadsheet than there is room for';
      systemEvent(
        log,
        { event: 'sheet-rows-dropped', service: SHEETS_SERVICE, breakerState: breakerState(), error: why },
        `${refused} rows dropped`,
      );
    }
  }

  async function tellRecovered(): Promise<void> {
    if (failures === 0) return;
    const facts = { service: SHEETS_SERVICE, breakerState: breakerState(), failures };
    systemEvent(log, { ...facts, event: 'sheet-back' }, 'the spreadsheet takes rows again');
    failures = 0;
    await tellRefused();
  }

  async function turn(): Promise<number> {
    try {
      await flush();
      await tellRecovered();
      return everyMs;
    } catch (error) {
      if (stopping.signal.aborted) return 0;
      failures += 1;
      const waitMs = waitAfter(error, firstWaitMs * 2 ** Math.min(failures - 1, 10));
      const service = error instanceof ServiceError ? error.service : 'redis';
      log.warn({ service, err: error, waitMs }, 'rows wait for the spreadsheet');
      await store.hold(waitMs + GRACE_MS).catch(() => {});
      return waitMs;
    }
  }

  async function run(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      const waitMs = await turn();
      await sleep(waitMs, signal).catch(() => {});
    }
    await store.hold(0).catch(() => {});
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      // While Redis is away its commands wait, also those of a process that wants to end.
      const stopped = new AbortController();
      const ending = Promise.resolve(running).finally(() => stopped.abort());
      await Promise.race([ending, sleep(STOP_MS, stopped.signal).catch(() => {})]);
    },
  };
}

function withoutKnown(rows: readonly SheetRow[], ids: readonly string[]): SheetRow[] {
  const known = new Set(ids);
  // `add` of a set answers the set, so a second row with the same id is no longer new.
  return rows.filter(({ id }) => !known.has(id) && known.add(id));
}

function waitAfter(error: unknown, ownMs: number): number {
  const told = error instanceof ServiceError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(LONGEST_WAIT_MS, Math.max(told, ownMs));
}
