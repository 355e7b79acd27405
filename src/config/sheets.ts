import { z } from 'zod';
import { parseServiceAccount, readServiceAccount, type ServiceAccount } from '../service-account.ts';
import { type Settings, text, url, type Values } from './setting.ts';

/** The spreadsheet. */
export const SHEET_SETTINGS = {
  GOOGLE_SHEETS_ID: text(
    'Spreadsheet that gets a row for each failure, system event and call (the long word in its address). Unset: none',
    'id',
  ),
  GOOGLE_SERVICE_ACCOUNT_FILE: {
    read: z.string().refine((path) => readServiceAccount(path) !== undefined),
    help: 'Key file of the service account that the spreadsheet is shared with, as an editor',
    unit: 'file',
    expected: 'a key file of a service account (JSON, as Google hands it out) that can be read',
  },
  GOOGLE_SERVICE_ACCOUNT_JSON: {
    read: z.string().refine((json) => parseServiceAccount(json) !== undefined),
    help: 'What stands in that file, instead of the file',
    unit: 'secret',
    expected: 'the key of a service account (JSON, as Google hands it out)',
    secret: true,
  },
  GOOGLE_SHEETS_BASE_URL: url('Where Google Sheets is reached', ['http:', 'https:'], 'https://sheets.googleapis.com'),
} as const satisfies Settings;

export type SheetConfig = ServiceAccount & { spreadsheetId: string; baseUrl: string };

/** A spreadsheet needs an account, which is given in one of two ways. */
export function sheetProblems(env: Record<string, string | undefined>): string[] {
  const given = (name: keyof typeof SHEET_SETTINGS) => Boolean(env[name]?.trim());
  const [id, file, json] = [given('GOOGLE_SHEETS_ID'), given('GOOGLE_SERVICE_ACCOUNT_FILE'), given('GOOGLE_SERVICE_ACCOUNT_JSON')];
  const either = 'GOOGLE_SERVICE_ACCOUNT_FILE or GOOGLE_SERVICE_ACCOUNT_JSON';
  if (file && json) return ['GOOGLE_SERVICE_ACCOUNT_FILE and GOOGLE_SERVICE_ACCOUNT_JSON are both set. Expected: one of them.'];
  if (id && !file && !json) return [`GOOGLE_SHEETS_ID is set, but no service account is. Expected: ${either}; or none of them.`];
  if (!id && (file || json))
    return [`A service account is set, but GOOGLE_SHEETS_ID is not. Expected: the id of a spreadsheet; or unset ${either}.`];
  return [];
}

/** Undefined when no spreadsheet is configured. */
export function readSheets({ has, string }: Values<keyof typeof SHEET_SETTINGS>): SheetConfig | undefined {
  const account = has('GOOGLE_SERVICE_ACCOUNT_JSON')
    ? parseServiceAccount(string('GOOGLE_SERVICE_ACCOUNT_JSON'))
    : readServiceAccount(string('GOOGLE_SERVICE_ACCOUNT_FILE'));
  if (!has('GOOGLE_SHEETS_ID') || account === undefined) return undefined;
  return { spreadsheetId: string('GOOGLE_SHEETS_ID'), baseUrl: string('GOOGLE_SHEETS_BASE_URL'), ...account };
}
