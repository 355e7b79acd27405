import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { type HealthMonitor, startHealthMonitor } from '../../src/web/health-monitor.ts';
import { startWebServer, type WebServer } from '../../src/web/web-server.ts';
import { heartbeatOf } from './heartbeats.ts';

let redis: Redis;
let queue: ReturnType<typeof createCallQueue>;
let web: WebServer;
let health: HealthMonitor;
let recordingsDir: string;
const auth = { authorization: `Basic ${Buffer.from('ada:open sesame').toString('base64')}` };

beforeEach(async () => {
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  queue = createCallQueue(redis, `test-${randomUUID()}`);
  recordingsDir = await mkdtemp(join(tmpdir(), 'ringfence-web-'));
  health = startHealthMonitor({ own: { id: 'host-1/web', read: () => heartbeatOf({ roles: ['web'] }) }, readWorkers: async () => [] });
  web = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    username: 'ada',
    password: 'open sesame',
    queues: [queue],
    recordingsDir,
    health,
  });
});
afterEach(async () => {
  await web.stop();
  health.stop();
  await queue.obliterate({ force: true });
  await queue.close();
  await redis.quit();
  await rm(recordingsDir, { recursive: true, force: true });
});

it('Bull Board shows the queue to whoever knows the password, and to nobody else', async () => {
  expect((await fetch(web.boardUrl)).status).toBe(401);
  const wrong = { authorization: `Basic ${Buffer.from('ada:open sesamf').toString('base64')}` };
  expect((await fetch(web.boardUrl, { headers: wrong })).status).toBe(401);
  expect((await fetch(web.boardUrl, { headers: auth })).status).toBe(200);
  const board = (await (await fetch(`${web.boardUrl}/api/queues`, { headers: auth })).json()) as { queues: { name: string }[] };
  expect(board.queues.map(({ name }) => name)).toEqual(['calls']);
});

it('recordings are listed and served behind the same password, and nothing outside their folder is', async () => {
  await writeFile(join(recordingsDir, 'a1.wav'), 'RIFF');
  expect((await fetch(`${web.recordingsUrl}a1.wav`)).status).toBe(401);
  expect(await (await fetch(web.recordingsUrl, { headers: auth })).text()).toContain('a1.wav');
  expect(await (await fetch(`${web.recordingsUrl}a1.wav`, { headers: auth })).text()).toBe('RIFF');
  expect((await fetch(`${web.recordingsUrl}..%2f..%2fetc%2fpasswd`, { headers: auth })).status).toBeGreaterThanOrEqual(400);
});

it('a port that is taken is told of with the variable to change', async () => {
  const port = Number(new URL(web.url).port);
  const second = startWebServer({ host: '127.0.0.1', port, username: 'a', password: 'b', queues: [queue], recordingsDir, health });
  await expect(second).rejects.toThrow(/WEB_PORT/);
});

it('the status page is for whoever knows the password; the health pages are for everybody, and nothing else is', async () => {
  expect((await fetch(web.url)).status).toBe(401);
  const page = await fetch(web.url, { headers: auth });
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(await page.text()).toContain('No call worker is alive');
  for (const path of ['/health', '/livez', '/readyz']) expect((await fetch(web.url + path)).status, path).not.toBe(401);
  for (const path of ['/nothing', '/health/x', '/%68ealth/../board', '//health', '/livez%2f..%2fboard']) {
    expect((await fetch(web.url + path)).status, path).toBe(401);
  }
});

it('the status page shows how many jobs wait', async () => {
  await queue.addBulk(
    [1, 2, 3].map((n) => ({ name: 'x', data: { version: 1, attemptId: `a${n}`, campaign: 'c', phone: '', name: '', attempt: 1 } })),
  );
  await expect
    .poll(async () => (await fetch(web.url, { headers: auth })).text(), { timeout: 10_000 })
    .toMatch(/calls<\/th>.*"active">0<.*"waiting">3</);
});
