import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type App, startApp, type WorkerRole } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { startWorld, type World } from '../../src/sandbox/world.ts';
import type { HealthReport } from '../../src/web/health-report.ts';

/*
 * Two apps that know of each other through Redis alone: one calls and delivers, one serves the pages; and a third one
 * that does both and so sees itself directly.
 */
let world: World;
let dataDir: string;
const prefix = `test-${randomUUID()}`;
const apps: App[] = [];
let pages: string;
let everything: string;

async function start(roles: readonly WorkerRole[], more: Record<string, string>): Promise<App> {
  const config = loadConfig(roles, {
    ...world.settings,
    REDIS_URL: inject('redisUrl'),
    QUEUE_PREFIX: prefix,
    DATA_DIR: dataDir,
    WEB_PORT: '0',
    WEB_PASSWORD: 'open sesame',
    LOG_LEVEL: 'silent',
    ...more,
  });
  const app = await startApp(config, roles, createLogger({ level: 'silent', secrets: config.secrets }));
  apps.push(app);
  return app;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringfence-health-'));
  world = await startWorld({ asterisk: 'sandbox', dataDir });
  await start(['call', 'delivery'], { ARI_APP: 'health-caller' });
  pages = (await start(['web'], {})).web?.url ?? '';
  everything = (await start(['call', 'delivery', 'web'], { ARI_APP: 'health-everything', QUEUE_PREFIX: `${prefix}-2` })).web?.url ?? '';
}, 60_000);
afterAll(async () => {
  for (const app of apps.reverse()) await app.stop();
  await world?.stop();
  const redis = new Redis(inject('redisUrl'));
  const keys = await redis.keys(`${prefix}*`);
  if (keys.length > 0) await redis.del(...keys);
  await redis.quit();
  await rm(dataDir, { recursive: true, force: true });
});

async function health(url: string): Promise<HealthReport & { httpStatus: number }> {
  const response = await fetch(`${url}/health`);
  return { ...((await response.json()) as HealthReport), httpStatus: response.status };
}
const well = { httpStatus: 200, dependencies: { ari: 'connected', redis: 'connected', audiosocket: 'disabled' } };
const withoutAsterisk = { status: 'unhealthy', httpStatus: 503, dependencies: { ari: 'disconnected', redis: 'connected' } };

it('pages in a process of their own, and pages in the one process that does everything, tell the same', { timeout: 30_000 }, async () => {
  await expect.poll(() => health(pages), { timeout: 20_000 }).toMatchObject(well);
  await expect.poll(() => health(everything), { timeout: 20_000 }).toMatchObject(well);
  const { workers } = (await health(pages)).dependencies;
  expect(workers.flatMap((worker) => (worker.state === 'lost' ? [] : worker.roles)).sort()).toEqual(['call', 'delivery', 'web']);
});

it('an Asterisk that falls silent, its sockets still open, is told of within 15 s, and its return too', { timeout: 90_000 }, async () => {
  const silentSince = Date.now();
  world.asterisk?.faults.set({ kind: 'hang' });
  world.asterisk?.halfOpenEvents();
  const noticedAfterMs = async (url: string) => {
    await expect.poll(() => health(url), { timeout: 40_000, interval: 100 }).toMatchObject(withoutAsterisk);
    return Date.now() - silentSince;
  };
  const noticed = await Promise.all([noticedAfterMs(pages), noticedAfterMs(everything)]);
  // The promise is 15 s.
  expect(Math.max(...noticed)).toBeLessThan(15_000);
  const statuses = await Promise.all(['/livez', '/readyz'].map(async (path) => (await fetch(everything + path)).status));
  expect(statuses).toEqual([200, 503]);
  world.asterisk?.faults.clear();
  await expect.poll(() => health(pages), { timeout: 30_000 }).toMatchObject(well);
  await expect.poll(() => health(everything), { timeout: 30_000 }).toMatchObject(well);
});

it('when the only call worker has ended, the pages say that no call can be placed', { timeout: 30_000 }, async () => {
  const [caller] = apps;
  await caller?.stop();
  await expect
    .poll(() => health(pages), { timeout: 15_000 })
    .toMatchObject({ status: 'unhealthy', reasons: expect.arrayContaining([expect.stringMatching(/No call worker is alive/)]) });
});
