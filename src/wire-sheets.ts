import type { Redis } from 'ioredis';
import type { Config } from './config.ts';
import { createSheetLog } from './delivery/sheet-log.ts';
import type { SheetRow } from './delivery/sheet-row.ts';
import { createSheetStore } from './delivery/sheet-store.ts';
import { createSheetWriter } from './delivery/sheet-writer.ts';
import type { Logger, LogLine } from './logger.ts';
import { createRedactor, maskPhone } from './redaction.ts';
import { createGoogleSheet } from './services/google-sheets.ts';

export interface Sheets {
  /** A failure or a system event becomes a row. */
  onEvent(line: LogLine): void;
  /** For the outbox: durable when it resolves. */
  addCall(row: SheetRow): Promise<void>;
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
  const writer = createSheetWriter({ store, table, log, clean: (text) => maskPhone(redact(text)) });
  if (writes) writer.start();
  return {
    onEvent: sheetLog.onEvent,
    addCall: store.addOnce,
    async stop() {
      await sheetLog.stop();
      await writer.stop();
    },
  };
}
