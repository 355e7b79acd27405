import { randomUUID } from 'node:crypto';
import { createConnection, createServer, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { type Alerts, createAlerts } from '../../src/alerts/alerts.ts';
import { freePort } from '../../src/sandbox/free-port.ts';
import { failed, opened, WINDOW_MS } from './alerting.ts';
import { keptLog } from './rendered.ts';

/** A way to the Redis of this run that can be cut and mended. */
async function startWay(redisUrl: string) {
  const { hostname, port } = new URL(redisUrl);
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    return socket;
  };
  const server = createServer((near) => {
    const far = keep(createConnection(Number(port), hostname));
    keep(near).pipe(far).pipe(near);
  });
  const here = await freePort();
  const mend = () => new Promise<void>((resolve) => server.listen(here, '127.0.0.1', resolve));
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  await mend();
  return { url: `redis://127.0.0.1:${here}`, cut, mend };
}

let way: Awaited<ReturnType<typeof startWay>>;
let redis: Redis;
let log: ReturnType<typeof keptLog>;
let alerts: Alerts;
beforeEach(async () => {
  way = await startWay(inject('redisUrl'));
  redis = new Redis(way.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => {});
  log = keptLog();
  alerts = createAlerts({ redis, prefix: `test-${randomUUID()}`, channels: ['email', 'webhook'], windowMs: WINDOW_MS, log, maxWaiting: 5 });
});
afterEach(async () => {
  await alerts.stop();
  redis.disconnect();
  await way.cut().catch(() => {});
});

const jobs = async () => (await Promise.all(alerts.queues.map((queue) => queue.getWaiting()))).flat();

it('an alert raised while Redis is away neither throws nor waits, and is told when Redis is back', async () => {
  await alerts.settled();
  await way.cut();
  expect(alerts.raise(opened(1))).toBeUndefined();
  await expect(alerts.settled(AbortSignal.timeout(300))).rejects.toThrow(/timeout/);
  await way.mend();
  await alerts.settled();
  expect((await jobs()).map((job) => job.name)).toEqual(['breaker-opened', 'breaker-opened']);
});

it('what waits is bounded, and what was dropped is counted in the log', async () => {
  await way.cut();
  for (let i = 0; i < 8; i++) alerts.raise(failed(i, 1));
  await way.mend();
  await alerts.settled();
  expect(log.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('3 alerts were dropped') }]);
});

it('a process that ends while Redis is away logs what it could not tell', async () => {
  await way.cut();
  alerts.raise(opened(1));
  await alerts.stop();
  expect(log.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('could not be told') }]);
});

it('without any channel, and after the end, an alert is at least logged', async () => {
  const silent = createAlerts({ redis, prefix: 'test-none', channels: [], windowMs: WINDOW_MS, log });
  silent.raise(opened(1));
  await silent.stop();
  silent.raise(opened(2));
  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
});

it('an alert that makes no sense does not throw into a call', () => {
  const odd = {
    kind: 'call-failed',
    toJSON: undefined,
    get reason(): string {
      throw new Error('odd');
    },
  };
  expect(() => alerts.raise(odd as never)).not.toThrow();
  expect(log.lines).toMatchObject([{ level: 'error', message: 'an alert could not be raised' }]);
});
