import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { createSheetLog } from '../../src/delivery/sheet-log.ts';
import { SHEET_HEADER, type SheetRow } from '../../src/delivery/sheet-row.ts';
import { createSheetStore, type SheetStore } from '../../src/delivery/sheet-store.ts';
import { createSheetWriter, type SheetWriter } from '../../src/delivery/sheet-writer.ts';
import { createLogger, type LogLine } from '../../src/logger.ts';
import { maskPhone } from '../../src/redaction.ts';
import { type GoogleSheetsSandbox, googleSheetsErrors, startGoogleSheetsSandbox } from '../../src/sandbox/google-sheets.ts';
import { createGoogleSheet } from '../../src/services/google-sheets.ts';

let redis: Redis;
let sandbox: GoogleSheetsSandbox;
let prefix: string;
let writers: SheetWriter[];
let logged: LogLine[];

beforeEach(async () => {
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  prefix = `test-${randomUUID()}`;
  sandbox = await startGoogleSheetsSandbox();
  writers = [];
  logged = [];
});
afterEach(async () => {
  for (const writer of writers) await writer.stop();
  await sandbox.close();
  redis.disconnect();
});

function row(id: string, more: Partial<SheetRow> = {}): SheetRow {
  const timestamp = '2026-03-01T12:00:00.000Z';
  return { id, timestamp, kind: 'failure', service: 'hubspot', error: '503', breakerState: 'open', message: 'no contact', ...more };
}

function startWriter(store: SheetStore, everyMs = 20, firstWaitMs = 5_000): SheetWriter {
  const table = createGoogleSheet({ spreadsheetId: sandbox.spreadsheetId, ...sandbox.account, baseUrl: sandbox.url, deadlineMs: 10_000 });
  const log = createLogger({ level: 'info', secrets: [], write: (line) => void logged.push(JSON.parse(line) as LogLine) });
  const writer = createSheetWriter({ store, table, log, breakerState: () => 'closed', clean: maskPhone, everyMs, firstWaitMs });
  writers.push(writer);
  writer.start();
  return writer;
}

const ids = () => sandbox.rows.map(([id]) => id);
const appends = () => sandbox.faults.requests.filter(({ path }) => path.includes(':append'));
/** A failure of the spreadsheet waits 5 s and more: let the next process find its rows instead. */
const takeOver = async (store: SheetStore) => {
  await vi.waitFor(() => expect(logged).toMatchObject([{ service: 'google-sheets', level: 'warn' }]), { timeout: 10_000 });
  await writers[0]?.stop();
  return startWriter(store);
};

describe('rows for the spreadsheet', () => {
  it('are written many at a time, below a header, in the order in which they came', async () => {
    const store = createSheetStore(redis, prefix);
    const names = Array.from({ length: 1_500 }, (_, i) => `id-${i}`);
    await store.add(names.map((id) => row(id)));
    startWriter(store);
    await vi.waitFor(() => expect(sandbox.rows).toHaveLength(1_501), { timeout: 15_000 });
    expect(ids()).toEqual(['event id', ...names]);
    expect(sandbox.rows[0]).toEqual(SHEET_HEADER);
    expect(appends()).toHaveLength(2);
    await vi.waitFor(async () => expect(await store.waiting()).toBe(0));
  });

  it('show service, error message and breaker state, masked, and start no formula', async () => {
    const store = createSheetStore(redis, prefix);
    await store.add([
      row('a', { error: '=HYPERLINK("http://x")', message: '+12025550123 is busy', callId: 'c-1', attempt: 2, talkSeconds: -1 }),
    ]);
    startWriter(store);
    await vi.waitFor(() => expect(sandbox.rows).toHaveLength(2), { timeout: 10_000 });
    const named = Object.fromEntries(SHEET_HEADER.map((name, i) => [name, sandbox.rows[1]?.[i]]));
    expect(named).toMatchObject({
      ...{ 'event id': 'a', timestamp: '2026-03-01T12:00:00.000Z', kind: 'failure', service: 'hubspot', 'breaker state': 'open' },
      ...{ 'error message': '\'=HYPERLINK("http://x")', message: "'+12025••••23 is busy", call: 'c-1', attempt: 2, 'talk time (s)': -1 },
    });
  });

  it.each(['unavailable503', 'perMinute429', 'notShared403'] as const)(
    'wait while the spreadsheet answers %s, and none is lost or doubled',
    async (name) => {
      const store = createSheetStore(redis, prefix);
      sandbox.faults.set(googleSheetsErrors[name]);
      await store.add([row('a'), row('b')]);
      startWriter(store);
      await vi.waitFor(() => expect(logged).toHaveLength(1), { timeout: 10_000 });
      await store.add([row('c')]);
      expect(await store.waiting()).toBe(3);
      sandbox.faults.clear();
      await takeOver(store);
      await vi.waitFor(() => expect(ids()).toEqual(['event id', 'a', 'b', 'c']), { timeout: 10_000 });
    },
  );

  it('that were written although the answer says otherwise are not written again', async () => {
    const store = createSheetStore(redis, prefix);
    sandbox.faults.set(googleSheetsErrors.appliedThen502, { path: /append/, times: 1 });
    await store.add([row('a'), row('b')]);
    startWriter(store);
    await takeOver(store);
    await vi.waitFor(async () => expect(await store.waiting()).toBe(0), { timeout: 10_000 });
    expect(ids()).toEqual(['event id', 'a', 'b']);
    await store.add([row('c')]);
    await vi.waitFor(() => expect(ids()).toEqual(['event id', 'a', 'b', 'c']), { timeout: 10_000 });
  });

  it('are not written again by the same process either, and it says when the spreadsheet is back', async () => {
    const store = createSheetStore(redis, prefix);
    startWriter(store, 20, 20);
    await store.add([row('a')]);
    await vi.waitFor(() => expect(ids()).toEqual(['event id', 'a']), { timeout: 10_000 });
    sandbox.faults.set(googleSheetsErrors.appliedThen502, { path: /append/, times: 1 });
    await store.add([row('b')]);
    await vi.waitFor(() => expect(logged).toMatchObject([{ level: 'warn' }, { event: 'sheet-back', failures: 1 }]), { timeout: 10_000 });
    await store.add([row('c')]);
    await vi.waitFor(() => expect(ids().at(-1)).toBe('c'), { timeout: 10_000 });
    expect(ids()).toEqual(['event id', 'a', 'b', 'c']);
  });

  it('are written once by several processes', async () => {
    const store = createSheetStore(redis, prefix);
    const names = Array.from({ length: 60 }, (_, i) => `id-${i}`);
    for (let i = 0; i < 3; i++) startWriter(createSheetStore(redis, prefix), 10);
    for (const id of names) await store.add([row(id)]);
    await vi.waitFor(() => expect(sandbox.rows.length).toBeGreaterThan(60), { timeout: 15_000 });
    expect(ids()).toEqual(['event id', ...names]);
  });

  it('of a process that died in the middle are written by another, and only those that are missing', async () => {
    const dead = createSheetStore(redis, prefix);
    await dead.add([row('a'), row('b')]);
    expect(await dead.take()).toMatchObject({ kind: 'new', rows: [{ id: 'a' }, { id: 'b' }] });
    sandbox.rows.push(['event id'], ['a']);
    const store = createSheetStore(redis, prefix);
    expect(await store.take()).toEqual({ kind: 'held' });
    await redis.del(`${prefix}:sheet:lease`);
    startWriter(store);
    await vi.waitFor(() => expect(ids()).toEqual(['event id', 'a', 'b']), { timeout: 10_000 });
  });

  it('that are told twice are added once', async () => {
    const store = createSheetStore(redis, prefix);
    await store.addOnce(row('call-1', { kind: 'call' }));
    await store.addOnce(row('call-1', { kind: 'call' }));
    expect(await store.waiting()).toBe(1);
  });

  it('wait for as long as Google asks', async () => {
    sandbox.faults.set(googleSheetsErrors.perMinute429);
    const store = createSheetStore(redis, prefix);
    await store.add([row('a')]);
    startWriter(store);
    await vi.waitFor(() => expect(logged).toMatchObject([{ waitMs: 60_000, breakerState: 'none' }]), { timeout: 10_000 });
    expect(await redis.pttl(`${prefix}:sheet:lease`)).toBeGreaterThan(55_000);
    expect(appends().length + sandbox.faults.requests.length).toBeLessThanOrEqual(2);
  });
});

describe('the log in the spreadsheet', () => {
  it('has one row a failure and one a system event, with the same four facts', async () => {
    const store = createSheetStore(redis, prefix);
    const sheetLog = createSheetLog(store);
    const log = createLogger({
      level: 'info',
      secrets: ['s3cret-key'],
      write: () => {},
      onEvent: sheetLog.onEvent,
      breakerState: () => 'open',
    });
    log.info('call ended');
    log.warn({ service: 'hubspot', err: new Error('no answer to s3cret-key'), callId: 'c-1' }, 'no contact');
    log.info({ event: 'probe', service: 'hubspot', breakerState: 'half-open' }, 'probing');
    log.warn({ service: 'google-sheets' }, 'no row about the rows');
    await sheetLog.stop();
    const taken = await store.take();
    expect(taken).toMatchObject({
      rows: [
        { kind: 'failure', service: 'hubspot', error: 'no answer to [secret]', breakerState: 'open', message: 'no contact', callId: 'c-1' },
        { kind: 'event', service: 'hubspot', error: '', breakerState: 'half-open', message: 'probe: probing' },
      ],
    });
    expect('rows' in taken && taken.rows).toHaveLength(2);
  });

  it('waits for Redis without holding anybody up, and holds only so much', async () => {
    let broken = true;
    const added: SheetRow[] = [];
    const sheetLog = createSheetLog({
      async add(rows) {
        if (broken) throw new Error('gone');
        added.push(...rows);
      },
    });
    const log = createLogger({ level: 'info', secrets: [], write: () => {}, onEvent: sheetLog.onEvent });
    for (let i = 0; i < 6_000; i++) log.warn({ service: 'redis' }, `failure ${i}`);
    broken = false;
    await sheetLog.stop();
    expect(added).toHaveLength(5_000);
    expect(added[0]).toMatchObject({ error: 'failure 0' });
  });
});
