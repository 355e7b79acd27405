import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { createVitalSigns, type VitalSigns } from '../../src/heartbeat/vital-signs.ts';
import { startHeartbeat } from '../../src/queue/heartbeat.ts';
import { createHeartbeatStore } from '../../src/queue/heartbeat-store.ts';
import { createKeys } from '../../src/queue/keys.ts';
import { connectImpatiently } from '../../src/queue/redis.ts';
import { type HealthMonitor, startHealthMonitor } from '../../src/web/health-monitor.ts';
import type { HealthReport } from '../../src/web/health-report.ts';
import { startWebServer, type WebServer } from '../../src/web/web-server.ts';
import { heartbeatOf } from './heartbeats.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/*
 * A web process whose Redis is behind a network that can be broken, and the heartbeats of a call worker and a delivery
 * worker that reach Redis another way.
 */
let proxy: TcpProxy;
let redis: Redis;
let workersRedis: Redis;
let own: VitalSigns;
let monitor: HealthMonitor;
let web: WebServer;
let beats: { stop(): Promise<void> }[];

beforeEach(async () => {
  const target = new URL(inject('redisUrl'));
  proxy = await startTcpProxy({ host: target.hostname, port: Number(target.port) });
  const keys = createKeys(`test-${randomUUID()}`);
  workersRedis = new Redis(inject('redisUrl'));
  const store = createHeartbeatStore(workersRedis, keys);
  beats = [heartbeatOf({ activeCalls: 2 }), heartbeatOf({ name: 'host-2', roles: ['delivery', 'health'], ari: undefined })].map(
    (heartbeat) => startHeartbeat({ store, id: heartbeat.name, read: () => heartbeat, onError: () => {} }),
  );
  redis = connectImpatiently(new Redis(`redis://127.0.0.1:${proxy.port}`, { lazyConnect: true }), () => {});
  own = createVitalSigns({ name: 'host-3', roles: ['web'], scrub: (text) => text });
  monitor = startHealthMonitor({ own, readWorkers: createHeartbeatStore(redis, keys).read });
  web = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    username: 'a',
    password: 'b',
    queues: [],
    recordingsDir: '/nowhere',
    health: monitor,
  });
});
afterEach(async () => {
  await web.stop();
  monitor.stop();
  for (const beat of beats) await beat.stop();
  redis.disconnect();
  await workersRedis.quit();
  await proxy.close();
});

async function health(): Promise<HealthReport & { httpStatus: number }> {
  const response = await fetch(`${web.url}/health`);
  return { ...((await response.json()) as HealthReport), httpStatus: response.status };
}
const statusOf = async (path: string) => (await fetch(web.url + path)).status;
const healthy = () => expect.poll(health, { timeout: 15_000 }).toMatchObject({ status: 'healthy', httpStatus: 200 });

it('the web process answers for the workers, from their heartbeats; nobody needs a password for it', async () => {
  await healthy();
  const { dependencies } = await health();
  expect(dependencies).toMatchObject({ ari: 'connected', ai_provider: 'connected', redis: 'connected' });
  expect(dependencies.workers.map((worker) => worker.name)).toEqual(['host-3', 'host-1', 'host-2']);
  expect(dependencies.workers[1]).toMatchObject({ state: 'running', activeCalls: 2, ari: { state: 'connected' } });
});

it('with a Redis that takes everything and answers nothing, /health answers at once, from what it knew, and says so; then it recovers by itself', {
  timeout: 60_000,
}, async () => {
  await healthy();
  proxy.blackHole();
  await expect.poll(health, { timeout: 15_000 }).toMatchObject({ status: 'unhealthy', httpStatus: 503 });
  const asked = performance.now();
  const told = await health();
  // One of the requests that follow, because this machine may be busy with something else.
  const times = [performance.now() - asked];
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    await health();
    times.push(performance.now() - start);
  }
  expect(Math.min(...times)).toBeLessThan(100);
  expect(told.dependencies).toMatchObject({ redis: 'disconnected', ari: 'connected' });
  expect(told.dependencies.workers).toHaveLength(3);
  expect(told.reasons.join('\n')).toMatch(/Redis can't be used.*does not answer.*last read at \d{4}-/);
  expect([await statusOf('/livez'), await statusOf('/readyz')]).toEqual([200, 503]);
  proxy.heal();
  await healthy();
  expect(await statusOf('/readyz')).toBe(200);
});

it('a process that drains is alive and not ready', async () => {
  await healthy();
  expect(await statusOf('/readyz')).toBe(200);
  own.drain();
  expect([await statusOf('/livez'), await statusOf('/readyz')]).toEqual([200, 503]);
});

it('a worker that ends in order leaves the page at once', async () => {
  await healthy();
  await beats[0]?.stop();
  await expect.poll(health, { timeout: 15_000 }).toMatchObject({ status: 'unhealthy' });
  expect((await health()).dependencies.workers.map((worker) => worker.name)).toEqual(['host-3', 'host-2']);
});
