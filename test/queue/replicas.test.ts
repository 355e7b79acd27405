import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { createContactSink } from '../../src/queue/contact-sink.ts';
import type { Durability } from '../../src/queue/durability.ts';
import { attemptId, createKeys } from '../../src/queue/keys.ts';
import { createLeases, type Leases } from '../../src/queue/leases.ts';
import { createLedger, type Ledger } from '../../src/queue/ledger.ts';
import { connectImpatiently, connectRedis } from '../../src/queue/redis.ts';
import { openDurability } from '../../src/queue/redis-rules.ts';
import { type RedisServer, startRedis } from '../../src/sandbox/redis-server.ts';
import { type FaultProxy, startFaultProxy } from '../chaos/fault-proxy.ts';
import { eventually } from '../eventually.ts';

/* A master and its replica, with a network between them that can be slow or broken. */

const ada: Contact = { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], variables: {} };
const id = attemptId('reminder', ada.phone, 1);
const keys = createKeys('replicas');
/** Else a master waits 5 s for more replicas before it feeds the first. */
const settings = { 'repl-diskless-sync-delay': '0' };
const timing = { leaseMs: 3_000, renewEveryMs: 100 };

let dir: string;
let servers: RedisServer[];
let network: FaultProxy;
let redis: Redis;
let impatient: Redis;
let replica: Redis;
let durability: Durability;
let leases: Leases;
let ledger: Ledger;
let said: string[];

beforeEach(async ({ skip }) => {
  dir = await mkdtemp(join(tmpdir(), 'ringfence-replicas-'));
  const start = (name: string) => startRedis({ dataDir: join(dir, name), debianDir: 'data/debian', settings });
  servers = [await start('master')];
  if (servers[0]?.kind === 'javascript') skip('there is no redis-server here: the one in JavaScript has no replicas');
  servers.push(await start('replica'));
  const [masterUrl, replicaUrl] = servers.map(({ url }) => url) as [string, string];
  network = await startFaultProxy({ targetPort: Number(new URL(masterUrl).port) });
  replica = new Redis(replicaUrl);
  await replica.replicaof('127.0.0.1', network.port);
  redis = connectRedis(masterUrl, () => {});
  impatient = connectImpatiently(redis, () => {});
  durability = await openDurability(redis, keys, 'here', 1);
  said = [];
  const note = (_facts: object, message: string) => void said.push(message);
  leases = createLeases({ redis: impatient, keys, log: { info: note, error: note }, timing, check: durability.check });
  ledger = createLedger({ redis, keys, owner: 'worker', days: 90, leases: leases.ledger, durability });
  await eventually(() => expect(leases.unavailable()).toBeUndefined());
  const sink = createContactSink(redis, keys, { name: 'reminder' } as Campaign, durability);
  await eventually(() => sink.add([ada], { update: false, dryRun: false }));
  await sink.close();
  said.length = 0;
});
afterEach(async () => {
  await leases?.stop();
  await durability?.stop();
  impatient?.disconnect();
  redis?.disconnect();
  replica?.disconnect();
  await network?.close();
  for (const server of servers) await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function claimed(): Promise<number> {
  leases.enter(id);
  const claim = await ledger.claim(id, ada.phone);
  if (claim.kind !== 'claimed') throw new Error(claim.kind);
  return claim.epoch;
}

it('a dial is on the replica before it is made: the machine of the master is lost, and the new master knows that the phone may have rung', {
  timeout: 60_000,
}, async () => {
  const epoch = await claimed();
  network.delay(300);
  expect(await ledger.mark(id, epoch)).toBe(true);
  const { pid } = JSON.parse(await readFile(join(dir, 'master/redis/running.json'), 'utf8')) as { pid: number };
  process.kill(pid, 'SIGKILL');
  network.cut();
  await replica.replicaof('NO', 'ONE');
  expect(await replica.hget(keys.attempt(id), 'state')).toBe('dialing');
});

it('while no replica can be reached nobody is dialled, and the worker says so; when it is back it goes on', {
  timeout: 60_000,
}, async () => {
  const epoch = await claimed();
  network.blackHole();
  expect(await ledger.mark(id, epoch)).toBe(false);
  await eventually(() => expect(leases.unavailable()).toMatch(/not-replicated.*REDIS_REPLICAS/));
  expect(said).toEqual([expect.stringMatching(/Redis can't be written .*nothing new is dialled/)]);
  network.heal();
  await eventually(() => expect(leases.unavailable()).toBeUndefined());
  expect(await ledger.unmark(id, epoch)).toBe(true);
  expect(await ledger.mark(id, epoch)).toBe(true);
});
