import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { redisError } from '../../src/queue/redis-errors.ts';
import { refusedUrl } from '../services/scripted-server.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function connect(url: string, { commandTimeout = 10_000, enableOfflineQueue = true } = {}): Redis {
  const redis = new Redis(url, {
    commandTimeout,
    enableOfflineQueue,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    enableReadyCheck: false,
    protocol: 2,
    disableClientInfo: true,
  });
  redis.on('error', () => {});
  closing.push(() => redis.disconnect());
  return redis;
}

async function failure(work: Promise<unknown>) {
  return work.then(
    () => {
      throw new Error('it was to fail');
    },
    (error: unknown) => redisError(error, 'claim of an attempt'),
  );
}

/** A Redis that says one thing. */
async function startRedisThatSays(reply: string | undefined): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      // A chunk may hold several commands: an array each.
      for (const command of data
        .toString()
        .toLowerCase()
        .split(/^\*\d+\r\n/m)
        .slice(1)) {
        if (command.includes('incr')) reply === undefined ? socket.destroy() : socket.write(`-${reply}\r\n`);
        else if (!command.includes('hang')) socket.write('-ERR unknown command\r\n');
      }
    });
    closing.push(() => socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closing.push(() => server.close());
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('what the real client throws is told for what it is', () => {
  it.each([
    ['OOM command not allowed when used memory', 'OOM', 'transient'],
    ['MISCONF Redis is configured to save RDB snapshots, but it can not', 'MISCONF', 'transient'],
    ["READONLY You can't write against a read only replica.", 'READONLY', 'transient'],
    ['MASTERDOWN Link with MASTER is down', 'MASTERDOWN', 'transient'],
    ['BUSY Redis is busy running a script.', 'BUSY', 'transient'],
    ['NOAUTH Authentication required.', 'NOAUTH', 'auth'],
    ['NOPERM this user has no permissions', 'NOPERM', 'auth'],
    ['SOMETHINGNEW that nobody knows', 'SOMETHINGNEW', 'permanent'],
  ])('%s', async (reply, code, category) => {
    const redis = connect(await startRedisThatSays(reply));
    expect(await failure(redis.incr('x'))).toMatchObject({ service: 'redis', code, category });
  });

  it('by a real Redis: a wrong type, a script that fails, a wrong password', async () => {
    const redis = connect(inject('redisUrl'));
    const key = `test-${randomUUID()}`;
    await redis.set(key, 'text');
    expect(await failure(redis.lpush(key, 'x'))).toMatchObject({ code: 'WRONGTYPE', category: 'permanent' });
    expect(await failure(redis.eval("return redis.call('NOSUCH')", 0))).toMatchObject({ code: 'ERR', category: 'permanent' });
    expect(await failure(redis.call('AUTH', 'nobody', 'wrong'))).toMatchObject({
      category: 'auth',
      message: expect.stringContaining('REDIS_URL'),
    });
    await redis.del(key);
  });

  it('nobody there, a connection that breaks, one that is over, and no answer in time', async () => {
    const refused = (await refusedUrl()).replace('http:', 'redis:');
    expect(await failure(connect(refused).incr('x'))).toMatchObject({ category: 'transient' });
    const cut = connect(await startRedisThatSays(undefined));
    expect(await failure(cut.incr('x'))).toMatchObject({ code: 'connection-closed', category: 'transient' });
    expect(await failure(cut.incr('x'))).toMatchObject({ code: 'connection-closed', category: 'transient' });
    const slow = connect(await startRedisThatSays('OOM'), { commandTimeout: 50 });
    expect(await failure(slow.call('hang'))).toMatchObject({ code: 'connection-closed', category: 'transient' });
    const closed = connect(inject('redisUrl'), { enableOfflineQueue: false });
    expect(await failure(closed.incr('x'))).toMatchObject({ code: 'connection-closed', category: 'transient' });
  });

  it('and a mistake of ours is no failure of Redis', () => {
    expect(redisError(new TypeError('x is not a function'), 'claim')).toMatchObject({ category: 'permanent' });
  });
});
