import type { LogLine } from '../logger.ts';

/** One row of the spreadsheet: a failure, a system event, or a call. */
export interface SheetRow {
  /** The same however often the row is sent: the spreadsheet is searched for it. */
  id: string;
  /** ISO 8601, UTC. */
  timestamp: string;
  kind: 'failure' | 'event' | 'call';
  service: string;
  /** Empty where nothing went wrong. */
  error: string;
  breakerState: string;
  message: string;
  callId?: string | undefined;
  attempt?: number | string | undefined;
  campaign?: string | undefined;
  phone?: string | undefined;
  disposition?: string | undefined;
  talkSeconds?: number | undefined;
}

const COLUMNS = [
  ['event id', (row) => row.id],
  ['timestamp', (row) => row.timestamp],
  ['kind', (row) => row.kind],
  ['service', (row) => row.service],
  ['error message', (row) => row.error],
  ['breaker state', (row) => row.breakerState],
  ['message', (row) => row.message],
  ['call', (row) => row.callId],
  ['attempt', (row) => row.attempt],
  ['campaign', (row) => row.campaign],
  ['phone', (row) => row.phone],
  ['disposition', (row) => row.disposition],
  ['talk time (s)', (row) => row.talkSeconds],
] as const satisfies readonly (readonly [string, (row: SheetRow) => string | number | undefined])[];

export const SHEET_HEADER: readonly string[] = COLUMNS.map(([name]) => name);

/** Google takes 50,000; nobody reads more than this. Characters. */
const MAX_CELL = 2_000;

/** @param clean takes out what must not be written down. */
export function cellsOf(row: SheetRow, clean: (text: string) => string): (string | number)[] {
  return COLUMNS.map(([, read]) => {
    const value = read(row) ?? '';
    return typeof value === 'number' ? value : harmless(clean(value)).slice(0, MAX_CELL);
  });
}

/**
 * The spreadsheet itself takes text as text, but whoever exports it opens the file in a program that reads formulas
 * into it. Callees and foreign services have a say in what stands here.
 */
function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

/** What the log told of a failure or a system event. */
export function rowOfLine(line: LogLine, id: string): SheetRow {
  const { timestamp, service, error, breakerState, msg, event, callId, attempt, campaign } = line;
  return {
    ...{ id, timestamp, service, breakerState, callId, attempt, campaign },
    kind: event === undefined ? 'failure' : 'event',
    error: error ?? '',
    message: event === undefined ? msg : `${event}: ${msg}`,
  };
}
