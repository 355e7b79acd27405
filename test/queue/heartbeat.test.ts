import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import type { Heartbeat } from '../../src/heartbeat/heartbeat.ts';
import { startHeartbeat } from '../../src/queue/heartbeat.ts';
import { createHeartbeatStore, type HeartbeatStore } from '../../src/queue/heartbeat-store.ts';
import { createKeys, type Keys } from '../../src/queue/keys.ts';

let redis: Redis;
let keys: Keys;
let store: HeartbeatStore;

const heartbeat: Heartbeat = {
  name: 'host-1',
  roles: ['call'],
  startedAt: 1,
  draining: false,
  ari: { state: 'connecting', since: 2, lastHeardAt: undefined },
  audiosocket: 'disabled',
  activeCalls: 1,
  services: [{ service: 'hubspot', state: 'open', since: 3, lastError: { code: '503', message: 'away' } }],
};

beforeEach(() => {
  redis = new Redis(inject('redisUrl'));
  keys = createKeys(`test-${randomUUID()}`);
  store = createHeartbeatStore(redis, keys);
});
afterEach(async () => {
  await redis.del(keys.heartbeats, keys.heartbeat('one'), keys.heartbeat('two'));
  await redis.quit();
});

it('a heartbeat is read as it was written, and Redis forgets it by itself', async () => {
  await store.beat('one', heartbeat);
  expect(await store.read()).toEqual([{ kind: 'live', id: 'one', heartbeat }]);
  const livesMs = await redis.pttl(keys.heartbeat('one'));
  expect(livesMs).toBeGreaterThan(0);
  expect(livesMs).toBeLessThanOrEqual(10_000);
});

it('a worker whose heartbeat ran out is lost; one that left in order is not there', async () => {
  await store.beat('one', heartbeat);
  await store.beat('two', heartbeat);
  await redis.del(keys.heartbeat('one'));
  await store.leave('two');
  expect(await store.read()).toEqual([{ kind: 'lost', id: 'one', lastSeenAt: expect.any(Number) }]);
});

it('a worker that has been lost for long is forgotten', async () => {
  await redis.zadd(keys.heartbeats, String(Date.now() - 3_600_000), 'one');
  expect(await store.read()).toEqual([]);
  await store.beat('two', heartbeat);
  expect(await redis.zrange(keys.heartbeats, '0', '-1')).toEqual(['two']);
});

it.each([['{"name":"host-1"}'], ['no JSON'], ['null']])('a heartbeat that cannot be understood counts as none: %s', async (text) => {
  await store.beat('one', heartbeat);
  await redis.set(keys.heartbeat('one'), text);
  expect(await store.read()).toMatchObject([{ kind: 'lost', id: 'one' }]);
});

it('a change is told at once, and the end of the process too', async () => {
  let activeCalls = 1;
  const beating = startHeartbeat({ store, id: 'one', read: () => ({ ...heartbeat, activeCalls }), onError: () => {} });
  const calls = async () => (await store.read()).map((worker) => (worker.kind === 'live' ? worker.heartbeat.activeCalls : 'lost'));
  await expect.poll(calls).toEqual([1]);
  // Five changes: at the regular pace they would take ten seconds.
  const started = performance.now();
  for (activeCalls = 2; activeCalls <= 6; activeCalls++) {
    beating.beatNow();
    await expect.poll(calls, { timeout: 5_000, interval: 5 }).toEqual([activeCalls]);
  }
  expect(performance.now() - started).toBeLessThan(6_000);
  await beating.stop();
  expect(await store.read()).toEqual([]);
});

it('a Redis that is away is told of once an outage, not at every beat', async () => {
  const errors: Error[] = [];
  let away = true;
  const failing: HeartbeatStore = { ...store, beat: async (...told) => (away ? Promise.reject(new Error('away')) : store.beat(...told)) };
  const beating = startHeartbeat({ store: failing, id: 'one', read: () => heartbeat, onError: (error) => errors.push(error) });
  for (let i = 0; i < 20; i++) {
    beating.beatNow();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(errors).toHaveLength(1);
  away = false;
  beating.beatNow();
  await expect.poll(() => store.read()).toHaveLength(1);
  await beating.stop();
});
