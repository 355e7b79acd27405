import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { breakerPolicy } from '../src/resilience/breaker-policy.ts';
import { createBreakers } from '../src/resilience/breakers.ts';
import { createGuard } from '../src/resilience/guard.ts';
import { DEFAULT_RETRY_POLICY } from '../src/resilience/retry-policy.ts';
import { type GoogleSheetsSandbox, googleSheetsErrors, startGoogleSheetsSandbox } from '../src/sandbox/google-sheets.ts';
import { openLogs } from '../src/wire-logs.ts';
import { startSheets } from '../src/wire-sheets.ts';

const quiet = { info() {}, warn() {}, error() {} };
const closing: (() => unknown)[] = [];
let sandbox: GoogleSheetsSandbox;
let dataDir: string;
beforeEach(async () => {
  sandbox = await startGoogleSheetsSandbox();
  dataDir = mkdtempSync(join(tmpdir(), 'ringfence-wire-'));
  closing.push(
    () => rmSync(dataDir, { recursive: true }),
    () => sandbox.close(),
  );
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  closing.push(() => write.mockRestore());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function configure() {
  return loadConfig([], {
    DATA_DIR: dataDir,
    OPENAI_API_KEY: 'opensesame-0815',
    GOOGLE_SHEETS_ID: sandbox.spreadsheetId,
    GOOGLE_SERVICE_ACCOUNT_JSON: sandbox.accountJson,
    GOOGLE_SHEETS_BASE_URL: sandbox.url,
  });
}

/** As the breakers of a process are wired. */
function createFences() {
  const policy = breakerPolicy(10_000);
  const breakers = createBreakers({ services: {}, prefix: 'alone', log: quiet });
  closing.push(() => breakers.stop());
  const guard = (service: string) =>
    createGuard({ breaker: breakers.of(service), policy: { ...DEFAULT_RETRY_POLICY, retries: 0 }, deadlineMs: 10_000, log: quiet });
  return { policy, breakers, guard };
}

function connect() {
  const redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  closing.push(() => redis.disconnect());
  return redis;
}

it('what fails in one process stands in its log file and, through another, in the spreadsheet, with the state of the breaker', async () => {
  const config = configure();
  const prefix = `test-${randomUUID()}`;
  const logs = openLogs(config, 'call');
  closing.push(() => logs.close());
  const calling = startSheets({ config, redis: connect(), prefix, log: logs.log, writes: false });
  if (calling === undefined) throw new Error('a spreadsheet is configured');
  logs.onEvent(calling.onEvent);
  logs.breakerStates((service) => (service === 'openai:language-model' ? 'open' : undefined));
  logs.log.warn({ service: 'openai:language-model', err: new Error('opensesame-0815 was refused') }, 'no reply to +12025550123');
  const call = {
    id: 'a1',
    timestamp: '2026-03-01T12:00:00.000Z',
    kind: 'call',
    service: 'asterisk',
    error: '',
    breakerState: '',
    message: 'busy',
  } as const;
  await calling.addCall(call);
  await calling.addCall(call);
  await calling.stop();
  expect(sandbox.faults.requests).toEqual([]);

  const delivering = startSheets({ config, redis: connect(), prefix, log: logs.log, writes: true });
  delivering?.fence(createFences());
  closing.push(() => delivering?.stop());
  await vi.waitFor(() => expect(sandbox.rows).toHaveLength(3), { timeout: 15_000 });
  const failure = sandbox.rows.find(([, , kind]) => kind === 'failure');
  expect(failure?.slice(3, 7)).toEqual(['openai:language-model', '[secret] was refused', 'open', 'no reply to +12025••••23']);
  expect(sandbox.rows.filter(([id]) => id === 'a1')).toHaveLength(1);

  const [file = ''] = readdirSync(join(dataDir, 'logs'));
  expect(file).toMatch(/^call-\d{4}-\d\d-\d\d\.1\.log$/);
  expect(JSON.parse(readFileSync(join(dataDir, 'logs', file), 'utf8').split('\n')[0] ?? '')).toMatchObject({
    ...{ service: 'openai:language-model', error: '[secret] was refused', breakerState: 'open' },
    timestamp: expect.stringMatching(/^\d{4}-/),
  });
});

it('a spreadsheet that refuses holds nobody up: neither the log nor the end of a process', async () => {
  sandbox.faults.set(googleSheetsErrors.notShared403);
  const config = configure();
  const logs = openLogs(config, 'delivery');
  closing.push(() => logs.close());
  const sheets = startSheets({ config, redis: connect(), prefix: `test-${randomUUID()}`, log: logs.log, writes: true });
  const fences = createFences();
  sheets?.fence(fences);
  logs.onEvent((line) => sheets?.onEvent(line));
  logs.breakerStates((service) => (service in fences.breakers.services ? fences.breakers.of(service).state : undefined));
  logs.log.error('something');
  await vi.waitFor(() => expect(sandbox.faults.requests.length).toBeGreaterThan(0), { timeout: 15_000 });
  // Not shared with us: a human must mend that, so its breaker is open at once, and the log says so.
  await vi.waitFor(() => expect(fences.breakers.of('google-sheets').state).toBe('open'), { timeout: 15_000 });
  const [file = ''] = readdirSync(join(dataDir, 'logs'));
  const lines = () =>
    readFileSync(join(dataDir, 'logs', file), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
  await vi.waitFor(() =>
    expect(lines().at(-1)).toMatchObject({ service: 'google-sheets', breakerState: 'open', error: expect.stringMatching(/403/) }),
  );
  const started = performance.now();
  await sheets?.stop();
  expect(performance.now() - started).toBeLessThan(20_000);
});

it('without a spreadsheet there is none', () => {
  expect(
    startSheets({
      config: { ...configure(), googleSheets: undefined },
      redis: connect(),
      prefix: 'x',
      log: openLogs(configure(), 'x').log,
      writes: true,
    }),
  ).toBeUndefined();
});
