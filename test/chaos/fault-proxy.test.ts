import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, expect, inject, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { type Crossing, startFaultProxy, type Verdict } from './fault-proxy.ts';
import { createHttpSplitter } from './http-splitter.ts';
import { createRespSplitter } from './resp-splitter.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Redis through a proxy; `decide` is asked at each crossing. */
async function wiredRedis(decide: (crossing: Crossing) => Verdict | Promise<Verdict> = () => 'pass') {
  const proxy = await startFaultProxy({ targetPort: Number(new URL(inject('redisUrl')).port), splitter: createRespSplitter, decide });
  ends.push(() => proxy.close());
  const redis = new Redis({
    port: proxy.port,
    host: '127.0.0.1',
    maxRetriesPerRequest: null,
    retryStrategy: () => 20,
    enableReadyCheck: false,
  });
  redis.on('error', () => undefined);
  ends.push(() => redis.disconnect());
  return { proxy, redis };
}

it('each command to Redis and each answer is seen once, also in a pipeline, also where an answer is a list', async () => {
  const seen: string[] = [];
  const { redis } = await wiredRedis(({ what, side }) => {
    seen.push(`${what} ${side}`);
    return 'pass';
  });
  const key = `chaos:${randomUUID()}`;
  await redis
    .pipeline()
    .rpush(key, 'one\r\ntwo', 'three')
    .lrange(key, 0, -1)
    .hset(`${key}h`, 'a', '1')
    .hgetall(`${key}h`)
    .del(key, `${key}h`)
    .exec();
  const ours = seen.filter((one) => /RPUSH|LRANGE|HGETALL|DEL/.test(one)).map((one) => one.replace(/[\w-]{36}h?/, 'key'));
  expect(ours.filter((one) => one.endsWith('request'))).toEqual([
    'RPUSH key request',
    'LRANGE key request',
    'HGETALL key request',
    'DEL key request',
  ]);
  expect(ours.filter((one) => one.endsWith('answer'))).toEqual([
    'RPUSH key answer',
    'LRANGE key answer',
    'HGETALL key answer',
    'DEL key answer',
  ]);
});

it('an answer that is cut off was written all the same, and the client asks again', async () => {
  let cuts = 1;
  const { redis } = await wiredRedis(({ what, side }) => (what.startsWith('INCR') && side === 'answer' && cuts-- > 0 ? 'cut' : 'pass'));
  const key = `chaos:${randomUUID()}`;
  expect(await redis.incr(key)).toBe(2);
  await redis.del(key);
});

it('a request that is cut off never arrived', async () => {
  let cuts = 1;
  const { redis } = await wiredRedis(({ what, side }) => (what.startsWith('INCR') && side === 'request' && cuts-- > 0 ? 'cut' : 'pass'));
  const key = `chaos:${randomUUID()}`;
  expect(await redis.incr(key)).toBe(1);
  await redis.del(key);
});

it('in a black hole connections stay open and carry nothing; healed, clients come back', async () => {
  const { proxy, redis } = await wiredRedis();
  await redis.ping();
  proxy.blackHole();
  let answered = false;
  const ping = redis.ping().then(() => {
    answered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answered).toBe(false);
  expect(redis.status).toBe('ready');
  proxy.heal();
  await ping;
});

it('a held request is delivered even when the one who sent it is gone by then', async () => {
  const held = Promise.withResolvers<void>();
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    response.end();
  }).listen(0, '127.0.0.1');
  ends.push(() => server.close());
  await vi.waitFor(() => expect(server.listening).toBe(true));
  const { port: targetPort } = server.address() as AddressInfo;
  const proxy = await startFaultProxy({ targetPort, splitter: createHttpSplitter, decide: () => held.promise.then(() => 'pass' as const) });
  ends.push(() => proxy.close());
  const gone = new AbortController();
  const asked = fetch(`http://127.0.0.1:${proxy.port}/`, { signal: gone.signal }).catch(() => undefined);
  await vi.waitFor(() => expect(proxy.connections).toBe(1));
  gone.abort();
  await asked;
  held.resolve();
  await vi.waitFor(() => expect(requests).toBe(1));
});

it('a held request is delivered even when the server has closed the quiet connection by then, and so is its answer', async () => {
  const held = Promise.withResolvers<void>();
  const server = createServer((_request, response) => response.end('late')).listen(0, '127.0.0.1');
  ends.push(() => server.close());
  await vi.waitFor(() => expect(server.listening).toBe(true));
  const { port: targetPort } = server.address() as AddressInfo;
  const decide = ({ side }: Crossing) => (side === 'request' ? held.promise.then(() => 'pass' as const) : 'pass');
  const proxy = await startFaultProxy({ targetPort, splitter: createHttpSplitter, decide });
  ends.push(() => proxy.close());
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const asked = fetch(`http://127.0.0.1:${proxy.port}/`).then((response) => response.text());
  const [quiet] = await connected;
  const closed = once(quiet, 'close');
  quiet.end();
  await closed;
  held.resolve();
  expect(await asked).toBe('late');
});

it('requests to Asterisk are named without ids, and each frame of its event socket is an event', async () => {
  const seen: string[] = [];
  const server = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  const events = new WebSocketServer({ server });
  ends.push(
    () => server.close(),
    () => events.close(),
  );
  events.on('connection', (socket) => {
    socket.send(JSON.stringify({ type: 'ChannelStateChange', channel: { state: 'Up' } }));
    socket.send(JSON.stringify({ type: 'Dial', dialstatus: 'RINGING', padding: 'x'.repeat(70_000) }));
    socket.close();
  });
  await vi.waitFor(() => expect(server.listening).toBe(true));
  const proxy = await startFaultProxy({
    targetPort: (server.address() as AddressInfo).port,
    splitter: createHttpSplitter,
    decide: ({ what, side }) => {
      seen.push(`${what} ${side}`);
      return 'pass';
    },
  });
  ends.push(() => proxy.close());
  await (
    await fetch(`http://127.0.0.1:${proxy.port}/ari/channels/rf1a2b3c4d-a0123456789abcdef01234567.1/dial?timeout=5`, { method: 'POST' })
  ).text();
  const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/ari/events?app=x`);
  await new Promise((resolve) => socket.addEventListener('close', resolve));
  expect(seen).toEqual([
    'POST ari/channels/{callee}/dial request',
    'POST ari/channels/{callee}/dial answer',
    'GET ari/events request',
    'GET ari/events answer',
    'ChannelStateChange Up event',
    'Dial RINGING event',
  ]);
});
