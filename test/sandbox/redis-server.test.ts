import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { freePort } from '../../src/sandbox/free-port.ts';
import { isAlive } from '../../src/sandbox/lock-file.ts';
import { startRedis } from '../../src/sandbox/redis-server.ts';

const debianDir = 'data/debian';
let dataDir = '';

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringfence-redis-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function asking<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1 });
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

test('what was acknowledged is still there after Redis was stopped and started again', async () => {
  const first = await startRedis({ dataDir, debianDir });
  await asking(first.url, (redis) => redis.set('kept', 'yes'));
  await first.stop();
  const second = await startRedis({ dataDir, debianDir });
  try {
    expect(await asking(second.url, (redis) => redis.get('kept'))).toBe('yes');
  } finally {
    await second.stop();
  }
});

test('the Redis we start writes everything down at once and drops no key to make room', async () => {
  const server = await startRedis({ dataDir, debianDir });
  try {
    const settings = await asking(server.url, (redis) => redis.config('GET', 'append*', 'maxmemory-policy', 'save', 'bind'));
    expect(Object.fromEntries(pairs(settings as string[]))).toMatchObject({
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
      save: '',
      bind: '127.0.0.1',
    });
  } finally {
    await server.stop();
  }
});

test('a second process on the same data shares the Redis that runs, and stopping it leaves the first alone', async () => {
  const first = await startRedis({ dataDir, debianDir });
  try {
    const second = await startRedis({ dataDir, debianDir });
    expect(second.url).toBe(first.url);
    expect(second.note).toContain(`process ${process.pid}`);
    await second.stop();
    expect(await asking(first.url, (redis) => redis.ping())).toBe('PONG');
  } finally {
    await first.stop();
  }
});

test('a Redis of ours does not outlive the process that started it, even when that is killed', async () => {
  const script = `
    import { startRedis } from ${JSON.stringify(join(process.cwd(), 'src/sandbox/redis-server.ts'))};
    const { url } = await startRedis(${JSON.stringify({ dataDir, debianDir })});
    console.log(url);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
  const url = chunk.toString().trim();
  const pid = Number(/process_id:(\d+)/.exec(await asking(url, (redis) => redis.info('server')))?.[1]);
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
});

test('a configured Redis is used as it is', async () => {
  const server = await startRedis({ redisUrl: inject('redisUrl'), dataDir });
  expect(server).toMatchObject({ kind: 'configured', url: inject('redisUrl') });
  await server.stop();
  expect(await asking(inject('redisUrl'), (redis) => redis.ping())).toBe('PONG');
});

test('a configured Redis that does not answer is named, without its password', async () => {
  const port = await freePort();
  const refusal = startRedis({ redisUrl: `redis://:secret@127.0.0.1:${port}`, dataDir });
  await expect(refusal).rejects.toThrow(`127.0.0.1:${port}) doesn't answer: ECONNREFUSED`);
  await expect(refusal).rejects.not.toThrow('secret');
});

test('where neither a Redis nor a package of one is to be had, the JavaScript one serves, and says that it keeps nothing', async () => {
  const mirror = `http://127.0.0.1:${await freePort()}/debian`;
  const server = await startRedis({ dataDir, mirror });
  try {
    // On a machine with a Redis on its PATH this can't be tried.
    if (server.kind === 'path') return;
    expect(server).toMatchObject({ kind: 'javascript', note: expect.stringContaining('keeps nothing') });
    expect(await asking(server.url, (redis) => redis.eval('return redis.call("INCR", KEYS[1])', 1, 'n'))).toBe(1);
  } finally {
    await server.stop();
  }
});

function* pairs(flat: string[]): Generator<[string, string]> {
  for (let index = 0; index + 1 < flat.length; index += 2) yield [flat[index] ?? '', flat[index + 1] ?? ''];
}
