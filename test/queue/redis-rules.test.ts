import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createKeys } from '../../src/queue/keys.ts';
import { connectRedisNow } from '../../src/queue/redis.ts';
import { openDurability } from '../../src/queue/redis-rules.ts';
import { parseRedisAddress, redisHosts, redisPasswords } from '../../src/redis-address.ts';
import { type RedisServer, startRedis } from '../../src/sandbox/redis-server.ts';
import { startSentinel } from './sentinel.ts';

let server: RedisServer;
let redis: Redis;
let dataDir: string;
const where = 'redis.example:6379';
const keys = createKeys('rules');

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringfence-rules-'));
  server = await startRedis({ dataDir, debianDir: 'data/debian' });
  redis = new Redis(server.url);
});
afterAll(async () => {
  await redis?.quit();
  await server?.stop();
  await rm(dataDir, { recursive: true, force: true });
});
beforeEach((test) => {
  if (server.kind === 'javascript') test.skip('there is no redis-server here: the one in JavaScript keeps nothing, and has no settings');
});

async function withSetting(name: string, value: string, test: () => Promise<void>) {
  const [, before = ''] = (await redis.config('GET', name)) as string[];
  await redis.config('SET', name, value);
  try {
    await test();
  } finally {
    await redis.config('SET', name, before);
  }
}

it('the Redis that comes with Ringfence keeps its word', async () => {
  await expect(openDurability(redis, keys, where)).resolves.toBeDefined();
});

it.each([
  ['appendonly', 'no', /appendonly is no; needed: yes.*would forget who has been called/],
  ['appendfsync', 'everysec', /appendfsync is everysec; needed: always.*second call to somebody/],
  ['maxmemory-policy', 'allkeys-lru', /maxmemory-policy is allkeys-lru; needed: noeviction.*drop contacts/],
])('a Redis with %s %s is refused, with the reason and the command that mends it', async (name, value, message) => {
  await withSetting(name, value, async () => {
    await expect(openDurability(redis, keys, where)).rejects.toThrow(message);
    await expect(openDurability(redis, keys, where)).rejects.toThrow(new RegExp(`redis-cli config set ${name} .*REDIS_DISPOSABLE=true`));
  });
});

it('a hosted Redis that forbids CONFIG is judged by what it tells, and refused for what it does not', async () => {
  await redis.call('ACL', 'SETUSER', 'guest', 'on', '>guest', '~*', '+@all', '-config');
  const guest = new Redis(server.url, { username: 'guest', password: 'guest' });
  try {
    const refusal = openDurability(guest, keys, where);
    await expect(refusal).rejects.toThrow(/appendfsync is not to be found out/);
    await expect(refusal).rejects.not.toThrow(/appendonly is|maxmemory-policy is/);
  } finally {
    await guest.quit();
    await redis.call('ACL', 'DELUSER', 'guest');
  }
});

it('a master behind Sentinels is found by the name that they call it', async () => {
  const sentinel = await startSentinel('main', server.url);
  try {
    const found = await connectRedisNow(`redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/main/3`);
    expect(await found.ping()).toBe('PONG');
    expect(await found.client('INFO')).toMatch(/ db=3 /);
    await found.quit();
    await expect(connectRedisNow(`redis+sentinel://127.0.0.1:${sentinel.port}/other`)).rejects.toThrow(/other of Sentinels 127\.0\.0\.1/);
  } finally {
    await sentinel.stop();
  }
});

it('an address of Redis is a server or Sentinels, and its password is known to the redactor in both forms', () => {
  expect(parseRedisAddress('rediss://u:p@redis.example:6380/2')).toEqual({ kind: 'server', url: 'rediss://u:p@redis.example:6380/2' });
  expect(parseRedisAddress('rediss+sentinel://u:p%40ss@one:26379,two/main/2')).toEqual({
    kind: 'sentinel',
    sentinels: [
      { host: 'one', port: 26379 },
      { host: 'two', port: 26379 },
    ],
    ...{ master: 'main', username: 'u', password: 'p@ss', db: 2, tls: true },
  });
  expect(redisPasswords('redis+sentinel://:p%40ss@one/main')).toEqual(['p@ss', 'p%40ss']);
  expect(redisHosts('redis+sentinel://:secret@one/main')).toBe('main of Sentinels one:26379');
  for (const wrong of ['http://one', 'redis+sentinel://one', 'redis+sentinel:///main', 'redis:one', '']) {
    expect(parseRedisAddress(wrong), wrong).toBeUndefined();
  }
});
