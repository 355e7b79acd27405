import type { sheets_v4 } from '@googleapis/sheets';
import { createClassify, fault } from '../error-classification/classify.ts';
import { GOOGLE_SHEETS_ERRORS } from './errors/google-sheets.ts';
import type { Probed } from './probe.ts';
import { createRequestWatch } from './request-watch.ts';

export interface GoogleSheetOptions {
  spreadsheetId: string;
  /** Of the service account. The spreadsheet must be shared with that address. */
  clientEmail: string;
  privateKey: string;
  baseUrl?: string | undefined;
  /** For one request. Milliseconds. */
  deadlineMs: number;
}

/** The first sheet of a spreadsheet, as a table that grows downwards. */
export interface GoogleSheet extends Probed {
  /** Adds rows below the last one, taken as they are: `=1+1` stays text. Not repeatable: rows sent twice stand there twice. */
  append(rows: readonly SheetCells[], signal: AbortSignal): Promise<void>;
  /** What stands in the first column, from the top. */
  firstColumn(signal: AbortSignal): Promise<string[]>;
}

export type SheetCells = readonly (string | number)[];

const BASE_URL = 'https://sheets.googleapis.com';
const SCOPE = 'https://www.googleapis.com/auth/spreadsheets';

/** The service account signs its own token; no other server is asked for one. */
export function createGoogleSheet(options: GoogleSheetOptions): GoogleSheet {
  const { spreadsheetId, clientEmail, privateKey, baseUrl = BASE_URL, deadlineMs } = options;
  const classify = createClassify({ service: 'google-sheets', table: GOOGLE_SHEETS_ERRORS, secrets: [privateKey] });
  let client: Promise<sheets_v4.Sheets> | undefined;
  const open = async () => {
    // Loaded when needed: most installations have no spreadsheet.
    const { auth, sheets } = await import('@googleapis/sheets');
    const account = new auth.JWT({ email: clientEmail, key: privateKey, scopes: [SCOPE] });
    account.useJWTAccessWithScope = true;
    return sheets({ version: 'v4', auth: account, rootUrl: baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/` });
  };

  async function ask<T extends object>(
    operation: string,
    signal: AbortSignal,
    work: (client: sheets_v4.Sheets, options: { signal: AbortSignal; retry: false }) => PromiseLike<{ data: T }>,
  ): Promise<T> {
    signal.throwIfAborted();
    const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
    try {
      client ??= open();
      const sdk = await watch.settle(client);
      // gaxios itself would ask four times where a GET fails.
      const { data } = await watch.settle(work(sdk, { signal: watch.signal, retry: false }));
      // What can't be parsed is handed over as text.
      if (typeof data !== 'object') throw fault('unreadable-answer', 'the answer is not JSON');
      return data;
    } catch (error) {
      signal.throwIfAborted();
      throw classify(error, operation);
    } finally {
      watch.dispose();
    }
  }

  return {
    async append(rows, signal) {
      const requestBody = { values: rows.map((cells) => [...cells]) };
      const request = { spreadsheetId, range: 'A1', valueInputOption: 'RAW', insertDataOption: 'INSERT_ROWS', requestBody };
      const { updates } = await ask('adding rows', signal, (sdk, how) => sdk.spreadsheets.values.append(request, how));
      if (updates?.updatedRows !== rows.length) throw unwritten(rows.length, updates?.updatedRows ?? 0);
    },
    async firstColumn(signal) {
      const request = { spreadsheetId, range: 'A:A', majorDimension: 'COLUMNS' };
      const { values } = await ask('reading the first column', signal, (sdk, how) => sdk.spreadsheets.values.get(request, how));
      return (values?.[0] ?? []).map(String);
    },
    async probe(signal) {
      const request = { spreadsheetId, fields: 'spreadsheetId' };
      await ask('health check', signal, (sdk, how) => sdk.spreadsheets.get(request, how));
    },
  };

  function unwritten(sent: number, written: number) {
    return classify(fault('not-recorded', `${written} of ${sent} rows were written`), 'adding rows');
  }
}
