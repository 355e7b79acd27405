import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GoogleSheetsSandbox, googleSheetsErrors, startGoogleSheetsSandbox } from '../../src/sandbox/google-sheets.ts';
import { createGoogleSheet, type GoogleSheet } from '../../src/services/google-sheets.ts';
import {
  type Answer,
  endAfter,
  htmlUnavailable,
  json,
  refusedUrl,
  resetAfter,
  resetBeforeHeaders,
  stallAfter,
  startScriptedServer,
} from './scripted-server.ts';

let sandbox: GoogleSheetsSandbox;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  sandbox = await startGoogleSheetsSandbox();
  closing.push(() => sandbox.close());
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const never = new AbortController().signal;

function sheetAt(baseUrl: string, more: Partial<Parameters<typeof createGoogleSheet>[0]> = {}): GoogleSheet {
  return createGoogleSheet({ spreadsheetId: sandbox.spreadsheetId, ...sandbox.account, baseUrl, deadlineMs: 10_000, ...more });
}

async function failure(sheet: GoogleSheet, ask: (sheet: GoogleSheet) => Promise<unknown> = (one) => one.append([['a']], never)) {
  return ask(sheet).then(
    () => {
      throw new Error('it was to fail');
    },
    (error: unknown) => error,
  );
}

describe('the spreadsheet', () => {
  it('takes rows as they are, below one another', async () => {
    const sheet = sheetAt(sandbox.url);
    await sheet.append([['id-1', '=1+1', 3]], never);
    await sheet.append(
      [
        ['id-2', '+12', 4],
        ['id-3', '', 5],
      ],
      never,
    );
    expect(sandbox.rows).toEqual([
      ['id-1', '=1+1', 3],
      ['id-2', '+12', 4],
      ['id-3', '', 5],
    ]);
    expect(await sheet.firstColumn(never)).toEqual(['id-1', 'id-2', 'id-3']);
    expect(sandbox.faults.requests.map(({ path }) => path).join()).toContain('valueInputOption=RAW&insertDataOption=INSERT_ROWS');
  });

  it('is empty at first, and can be probed', async () => {
    const sheet = sheetAt(sandbox.url);
    await sheet.probe(never);
    expect(await sheet.firstColumn(never)).toEqual([]);
  });

  it('is asked once, whatever it answers', async () => {
    const sheet = sheetAt(sandbox.url);
    for (const fault of [googleSheetsErrors.unavailable503, googleSheetsErrors.perMinute429]) {
      sandbox.faults.set(fault);
      const before = sandbox.faults.requests.length;
      await failure(sheet);
      await failure(sheet, (one) => one.firstColumn(never));
      await failure(sheet, (one) => one.probe(never));
      expect(sandbox.faults.requests.length - before).toBe(3);
    }
  });

  it('is let go of at once when nobody waits any more', async () => {
    sandbox.faults.set({ kind: 'hang' });
    const stop = new AbortController();
    const waiting = failure(sheetAt(sandbox.url), (one) => one.append([['a']], stop.signal));
    stop.abort(new Error('enough'));
    expect(await waiting).toMatchObject({ message: 'enough' });
  });
});

describe('what goes wrong with the spreadsheet', () => {
  it.each([
    ['perMinute429', { category: 'rate-limited', status: 429, code: 'RATE_LIMIT_EXCEEDED', retryAfterMs: 60_000 }],
    [
      'notShared403',
      { category: 'auth', status: 403, code: 'PERMISSION_DENIED', message: expect.stringContaining('Share the spreadsheet') },
    ],
    [
      'apiDisabled403',
      { category: 'auth', status: 403, code: 'SERVICE_DISABLED', message: expect.stringContaining('Enable the Google Sheets API') },
    ],
    ['unauthenticated401', { category: 'auth', status: 401, code: 'UNAUTHENTICATED' }],
    ['badRange400', { category: 'permanent', status: 400, code: 'INVALID_ARGUMENT' }],
    ['full400', { category: 'permanent', status: 400, message: expect.stringContaining('begin a new one') }],
    ['notFound404', { category: 'permanent', status: 404, message: expect.stringContaining('GOOGLE_SHEETS_ID') }],
    ['internal500', { category: 'transient', status: 500 }],
    ['unavailable503', { category: 'transient', status: 503, code: 'UNAVAILABLE' }],
    ['appliedThen502', { category: 'transient', status: 502 }],
  ] as const)('%s is told for what it is', async (name, expected) => {
    sandbox.faults.set(googleSheetsErrors[name]);
    expect(await failure(sheetAt(sandbox.url))).toMatchObject({ service: 'google-sheets', ...expected });
  });

  it.each<[string, Answer, object]>([
    ['HTML on a 503', htmlUnavailable, { category: 'transient', status: 503, retryAfterMs: 7_000 }],
    ['a reset before the headers', resetBeforeHeaders, { category: 'transient', code: 'ECONNRESET' }],
    ['a reset after the headers', resetAfter('', 'application/json'), { category: 'transient' }],
    ['a reset in the body', resetAfter('{"upd', 'application/json'), { category: 'transient' }],
    ['a body that stalls', stallAfter('{"upd', 'application/json'), { category: 'transient', code: 'no-answer' }],
    ['half of a JSON', endAfter('{"upd', 'application/json'), { category: 'transient', code: 'unreadable-answer' }],
    ['an answer that says nothing of rows', json(200, {}), { category: 'transient', code: 'not-recorded' }],
    [
      'the old way of saying too many',
      json(403, { error: { code: 403, message: 'x', errors: [{ reason: 'userRateLimitExceeded' }] } }),
      { category: 'rate-limited' },
    ],
  ])('%s', async (_what, answer, expected) => {
    const server = await startScriptedServer(answer);
    closing.push(() => server.close());
    expect(await failure(sheetAt(server.url, { deadlineMs: 1_000 }))).toMatchObject({ service: 'google-sheets', ...expected });
  });

  it('nobody there', async () => {
    expect(await failure(sheetAt(await refusedUrl()))).toMatchObject({ category: 'transient', code: 'ECONNREFUSED' });
  });

  it("a key that is none, or somebody else's", async () => {
    const other = await startGoogleSheetsSandbox();
    closing.push(() => other.close());
    expect(await failure(sheetAt(sandbox.url, { privateKey: other.account.privateKey }))).toMatchObject({ category: 'auth', status: 401 });
    const damaged = await failure(
      sheetAt(sandbox.url, { privateKey: '-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n' }),
    );
    expect(damaged).toMatchObject({ category: 'auth' });
    expect(String(damaged)).not.toContain('nonsense');
  });
});
