import type { Redis } from 'ioredis';
import type { Config } from './config.ts';
import { createSheetLog } from './delivery/sheet-log.ts';
import type { SheetRow } from './delivery/sheet-row.ts';
import { createSheetStore } from './delivery/sheet-store.ts';
import { createSheetWriter, SHEETS_SERVICE, type SheetTable, type SheetWriter } from './delivery/sheet-writer.ts';
import type { Logger, LogLine } from './logger.ts';
import { createRedactor, maskPhone } from './redaction.ts';
import type { Guard } from './resilience/guard.ts';
import { createGoogleSheet } from './services/google-sheets.ts';
import type { Fences } from './wire-breakers.ts';

export interface Sheets {
  /** A failure or a system event becomes a row. */
  onEvent(line: LogLine): void;
  /** For the outbox: durable when it resolves. */
  addCall(row: SheetRow): Promise<void>;
  /** Gives the spreadsheet its breaker. A process that writes to it begins now. */
  fence(fences: Pick<Fences, 'breakers' | 'guard' | 'policy'>): void;
  stop(): Promise<void>;
}

export interface SheetParts {
  config: Config;
  redis: Redis;
  prefix: string;
  log: Logger;
  /** Whether this process writes to the spreadsheet, or only leaves rows for one that does. */
  writes: boolean;
}

/** Undefined when no spreadsheet is configured. */
export function startSheets({ config, redis, prefix, log, writes }: SheetParts): Sheets | undefined {
  const { googleSheets } = config;
  if (googleSheets === undefined) return undefined;
  const store = createSheetStore(redis, prefix);
  const sheetLog = createSheetLog(store);
  const redact = createRedactor(config.secrets);
  const table = createGoogleSheet({ ...googleSheets, deadlineMs: config.serviceDeadlineMs });
  let writer: SheetWriter | undefined;
  return {
    onEvent: sheetLog.onEvent,
    addCall: store.addOnce,
    fence({ breakers, guard, policy }) {
      // What may be read may be closed to writing: only rows that were taken prove that it is back.
      breakers.add(SHEETS_SERVICE, { policy, controlPlane: table.probe });
      if (!writes) return;
      const fenced = fenceSheet(table, guard(SHEETS_SERVICE, { retries: 0 }));
      const breakerState = () => breakers.of(SHEETS_SERVICE).state;
      writer = createSheetWriter({ store, table: fenced, log, breakerState, clean: (text) => maskPhone(redact(text)) });
      writer.start();
    },
    async stop() {
      await sheetLog.stop();
      await writer?.stop();
    },
  };
}

/** Its waits are the writer's: one request a time. */
function fenceSheet(table: SheetTable, guard: Guard): SheetTable {
  return {
    append: (rows, signal) => guard.run((inner) => table.append(rows, inner), { signal, operation: 'adding rows' }),
    firstColumn: (signal) => guard.run((inner) => table.firstColumn(inner), { signal, operation: 'reading the first column' }),
  };
}
