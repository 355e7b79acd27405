import { randomUUID } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import type { Outcome } from '../../src/call/outcome.ts';
import { createWaiting, type Durability, knowsWaitAof } from '../../src/queue/durability.ts';
import { createKeys, type Keys } from '../../src/queue/keys.ts';
import { createLeases, type Leases } from '../../src/queue/leases.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';

/* The Redis of this run is older than WAITAOF: on the way to it that command becomes a script that gives the answer in its place. */

const WAITAOF = '*4\r\n$7\r\nWAITAOF\r\n$1\r\n1\r\n$1\r\n0\r\n$4\r\n3000\r\n';
const answering = (disks: number) => `*3\r\n$4\r\nEVAL\r\n$12\r\nreturn {${disks},0}\r\n$1\r\n0\r\n`;
const id = 'a0123456789abcdef01234567';
const phone = '+12025550100';
const busy: Outcome = { disposition: 'busy', reason: 'busy (cause 17)', startedAt: 1, endedAt: 2, talkMs: 0, transcript: [] };
const quiet = { info: () => {}, error: () => {} };

let front: Server;
/** On how many disks a write is, as Redis tells. */
let disks: number;
let waits: number;
const sockets = new Set<Socket>();

beforeAll(async () => {
  const { hostname, port } = new URL(inject('redisUrl'));
  front = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      waits += text.split(WAITAOF).length - 1;
      far.write(Buffer.from(text.replaceAll(WAITAOF, answering(disks)), 'latin1'));
    });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => front.close(resolve));
});

let redis: Redis;
let keys: Keys;
let durability: Durability;
let leases: Leases;
let ledger: Ledger;
let waited: number;

beforeEach(async () => {
  [disks, waits, waited] = [1, 0, 0];
  redis = new Redis(`redis://127.0.0.1:${(front.address() as AddressInfo).port}`, { maxRetriesPerRequest: null });
  keys = createKeys(`test-${randomUUID()}`);
  durability = createWaiting(redis, { disk: true, replicas: 0 });
  leases = createLeases({ redis, keys, log: quiet });
  ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger, durability, onWait: () => waited++ });
  await redis.hset(keys.attempt(id), { state: 'queued', epoch: 0, campaign: 'reminder', number: 1, contact: JSON.stringify({ phone }) });
});
afterEach(async () => {
  await leases.stop();
  await durability.stop();
  const found = await redis.keys(`${keys.prefix}:*`);
  if (found.length > 0) await redis.del(...found);
  redis.disconnect();
});

async function claimed(): Promise<number> {
  leases.enter(id);
  const claim = await ledger.claim(id, phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  return claim.epoch;
}

it('where Redis syncs once a second, claim, mark and end each wait for its disk', async () => {
  const epoch = await claimed();
  expect(waits).toBe(1);
  expect(await ledger.mark(id, epoch)).toBe(true);
  expect(waits).toBe(2);
  expect(await ledger.end(id, epoch, busy, [])).toBe(true);
  expect(waits).toBe(3);
  expect(waited).toBe(0);
});

it('what did not reach the disk gets no phone rung, and an outcome is written again until it did', async () => {
  const epoch = await claimed();
  disks = 0;
  expect(await ledger.mark(id, epoch)).toBe(false);
  expect(await ledger.read(id)).toMatchObject({ state: 'dialing' });
  const ended = ledger.end(id, epoch, busy, []);
  await expect.poll(() => waited).toBe(1);
  disks = 1;
  expect(await ended).toBe(true);
  expect(await ledger.read(id)).toMatchObject({ state: 'ended', outcome: busy });
});

it('a Redis that can be waited for is told from one that does not know the word, or never syncs', async () => {
  expect(await knowsWaitAof(redis, keys.durability)).toBe(true);
  disks = 0;
  expect(await knowsWaitAof(redis, keys.durability)).toBe(false);
  const old = new Redis(inject('redisUrl'));
  const { redis_version: version = '' } = Object.fromEntries((await old.info('server')).split('\r\n').map((line) => line.split(':')));
  const [major = 0, minor = 0] = version.split('.').map(Number);
  expect(await knowsWaitAof(old, keys.durability)).toBe(major > 7 || (major === 7 && minor >= 2));
  await old.quit();
});
