import { randomUUID } from 'node:crypto';
import type { LogLine } from '../logger.ts';
import { rowOfLine, type SheetRow } from './sheet-row.ts';
import type { SheetStore } from './sheet-store.ts';
import { SHEETS_SERVICE } from './sheet-writer.ts';

/** The way from the log to the rows. Logging never waits for it and never hears of its troubles. */
export interface SheetLog {
  /** For the logger: every line that tells of a failure or a system event. */
  onEvent(line: LogLine): void;
  /** Hands over what it still holds, unless Redis is away. Idempotent. */
  stop(): Promise<void>;
}

/** Lines of one moment become one write to Redis. Milliseconds. */
const GATHER_MS = 500;
/** What is held while Redis is away; the lines are in the log files all the same. */
const MAX_HELD = 5_000;
/** How long a process that ends waits for Redis. Milliseconds. */
const LAST_WRITE_MS = 2_000;

export function createSheetLog(store: Pick<SheetStore, 'add'>): SheetLog {
  let held: SheetRow[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let stopped = false;

  const write = async () => {
    const rows = held;
    held = [];
    try {
      await store.add(rows);
    } catch {
      // Redis tells of itself. They may have been added; the ids keep them from being written twice.
      held = [...rows, ...held].slice(0, MAX_HELD);
    }
  };
  const later = () => {
    if (stopped || timer !== undefined || writing !== undefined || held.length === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      writing = write().finally(() => {
        writing = undefined;
        later();
      });
    }, GATHER_MS).unref();
  };

  return {
    onEvent(line) {
      // What the spreadsheet does wrong can't be told in the spreadsheet: each failure would make a row, each row a failure.
      if (stopped || (line.service === SHEETS_SERVICE && line.event === undefined)) return;
      if (held.length < MAX_HELD) held.push(rowOfLine(line, randomUUID()));
      later();
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearTimeout(timer);
      const last = (async () => {
        await writing;
        await write();
      })();
      let limit: NodeJS.Timeout | undefined;
      await Promise.race([
        last,
        new Promise((done) => {
          limit = setTimeout(done, LAST_WRITE_MS);
        }),
      ]);
      clearTimeout(limit);
    },
  };
}
