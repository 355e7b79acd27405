import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type App, startApp, type WorkerRole } from '../../src/app.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { startWorld, type World } from '../../src/sandbox/world.ts';
import type { HealthReport } from '../../src/web/health-report.ts';
import { openContactSink } from '../../src/wire-producer.ts';

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
let config: Config;

async function start(roles: readonly WorkerRole[], more: Record<string, string>): Promise<App> {
  config = loadConfig(roles, {
    ...world.settings,
    REDIS_URL: inject('redisUrl'),
    QUEUE_PREFIX: prefix,
    DATA_DIR: dataDir,
    WEB_PORT: '0',
    WEB_PASSWORD: 'open sesame',
    LOG_LEVEL: 'silent',
    // A fast outage.
    RETRY_INITIAL_DELAY: '50',
    BREAKER_RESET: '1000',
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

const campaign: Campaign = {
  name: 'reminder',
  callerId: '+12025550199',
  dialString: 'PJSIP/{e164}@people',
  defaultCountry: 'US',
  language: 'en-US',
  voice: 'v1',
  greeting: 'Hello {{name}}.',
  disclosure: 'I am an assistant.',
  goodbye: 'Goodbye.',
  goal: 'Confirm the appointment.',
  script: 'Ask whether the appointment still suits.',
  hours: { from: '00:00', to: '24:00' },
  whenServiceDown: 'wait',
  recording: false,
  limits: { answerTimeoutMs: 3_000, maxCallMs: 10_000, maxTurns: 10 },
};

async function enqueue(role: string, campaignName: string): Promise<void> {
  const { number, name } = world.people.byRole(role);
  const sink = await openContactSink({ ...config, queuePrefix: prefix }, { ...campaign, name: campaignName });
  await sink.add([{ phone: number, name, timeZones: ['America/New_York'], variables: {} }], { update: false, dryRun: false });
  await sink.close();
}

it('a voice that is down is named with its error, without a phone number or a key; its recovery is told without a human', {
  timeout: 60_000,
}, async () => {
  world.elevenLabs.faults.set({ kind: 'status', status: 503, body: 'for +12025550105' });
  await enqueue('says-nothing', 'outage');
  await expect
    .poll(() => health(pages), { timeout: 20_000 })
    .toMatchObject({
      status: 'unhealthy',
      httpStatus: 503,
      dependencies: { ari: 'connected', ai_provider: 'disconnected', services: { 'elevenlabs:text-to-speech': { state: 'open' } } },
    });
  const text = await (await fetch(`${pages}/health`)).text();
  expect(text).toMatch(/503/);
  expect(text).not.toContain('2025550105');
  expect(text).not.toContain(world.settings.ELEVENLABS_API_KEY);
  world.elevenLabs.faults.clear();
  await expect.poll(() => health(pages), { timeout: 30_000 }).toMatchObject({ ...well, dependencies: { ai_provider: 'connected' } });
});

it('while a worker drains, the pages show its call until the end', { timeout: 60_000 }, async () => {
  await enqueue('says-nothing', 'drain');
  const caller = async () =>
    (await health(pages)).dependencies.workers.find((worker) => worker.state !== 'lost' && worker.roles.includes('call'));
  await expect.poll(() => world.asterisk?.channels().some(({ state }) => state === 'Up'), { timeout: 20_000 }).toBe(true);
  const stopped = apps[0]?.stop();
  await expect.poll(caller, { timeout: 10_000 }).toMatchObject({ state: 'draining', activeCalls: 1 });
  expect((await health(pages)).reasons.join('\n')).toMatch(/draining: calls that have begun go on/);
  await stopped;
});

it('when the only call worker has ended, the pages say that no call can be placed', { timeout: 30_000 }, async () => {
  await apps[0]?.stop();
  await expect
    .poll(() => health(pages), { timeout: 15_000 })
    .toMatchObject({ status: 'unhealthy', reasons: expect.arrayContaining([expect.stringMatching(/No call worker is alive/)]) });
});
