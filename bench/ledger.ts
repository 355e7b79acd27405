import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { Redis } from 'ioredis';
import type { Campaign } from '../src/call/campaign.ts';
import type { Contact } from '../src/call/contact.ts';
import type { Outcome } from '../src/call/outcome.ts';
import { createContactSink } from '../src/queue/contact-sink.ts';
import { attemptId, createKeys } from '../src/queue/keys.ts';
import { createLeases } from '../src/queue/leases.ts';
import { createLedger } from '../src/queue/ledger.ts';
import { connectImpatiently, connectRedis } from '../src/queue/redis.ts';
import { openDurability } from '../src/queue/redis-rules.ts';
import { startRedis } from '../src/sandbox/redis-server.ts';

/** What the ledger costs a call: its steps as a call makes them, on a Redis that syncs every write to its disk, with and without a replica to wait for. */
const CALLS = 2_000;
const AT_A_TIME = [1, 20, 100];

const outcome: Outcome = { disposition: 'completed', reason: 'all said', startedAt: 1, endedAt: 2, talkMs: 1, transcript: [] };
const outbox = ['sheet-row', 'outcome-webhook'].map((kind) => ({ id: kind, kind, data: {} }) as never);
const quiet = { info() {}, error: console.error };

function countCommands(redis: Redis, onCommand: () => void): Redis {
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (...command) => {
    onCommand();
    return send(...command);
  };
  return redis;
}

async function measure(url: string, replicas: number, atATime: number): Promise<(string | number)[]> {
  let commands = 0;
  const count = () => void commands++;
  const redis = countCommands(connectRedis(url, console.error), count);
  const impatient = countCommands(connectImpatiently(redis, console.error), count);
  const keys = createKeys(`bench-${replicas}-${atATime}`);
  const durability = await openDurability(redis, keys, url, replicas);
  const leases = createLeases({ redis: impatient, keys, log: quiet, check: durability.check });
  const ledger = createLedger({ redis, keys, owner: 'bench', days: 90, leases: leases.ledger, durability });
  const contacts = Array.from({ length: CALLS }, (_, index): Contact => {
    return { phone: `+1202${5_000_000 + index}`, name: 'Somebody', timeZones: ['UTC'], variables: {} };
  });
  const sink = createContactSink(redis, keys, { name: 'bench' } as Campaign, durability);
  for (let from = 0; from < CALLS; from += 1_000) await sink.add(contacts.slice(from, from + 1_000), { update: false, dryRun: false });
  await sink.close();
  await ledger.installation();

  const took = { claim: [] as number[], mark: [] as number[], end: [] as number[] };
  const timed = async <T>(step: keyof typeof took, work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const answer = await work();
    took[step].push(performance.now() - from);
    return answer;
  };
  const call = async ({ phone }: Contact) => {
    const id = attemptId('bench', phone, 1);
    const hold = leases.enter(id);
    await ledger.read(id);
    const claim = await timed('claim', () => ledger.claim(id, phone));
    if (claim.kind !== 'claimed') throw new Error(`not claimed: ${claim.kind}`);
    if (!(await timed('mark', () => ledger.mark(id, claim.epoch)))) throw new Error('not marked');
    await timed('end', () => ledger.end(id, claim.epoch, outcome, outbox));
    hold?.leave();
  };
  commands = 0;
  const from = performance.now();
  const waiting = [...contacts];
  const lane = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await call(next);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  const seconds = (performance.now() - from) / 1000;
  const perCall = (commands / CALLS).toFixed(1);
  await leases.stop();
  await durability.stop();
  impatient.disconnect();
  redis.disconnect();
  const spread = Object.values(took).flatMap((ms) => [quantile(ms, 0.5), quantile(ms, 0.99)]);
  // Those that wait for a replica have connections of their own, which are not counted.
  return [replicas, atATime, Math.round((3 * CALLS) / seconds), ...spread, replicas === 0 ? perCall : ''];
}

function quantile(values: number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

const dir = await mkdtemp(join(tmpdir(), 'ringfence-bench-'));
const settings = { 'repl-diskless-sync-delay': '0' };
const start = (name: string) => startRedis({ dataDir: join(dir, name), debianDir: join(import.meta.dirname, '../data/debian'), settings });
const [master, replica] = [await start('master'), await start('replica')];
const head = ['replicas', 'at a time', 'steps/s', 'claim p50', 'p99', 'mark p50', 'p99', 'end p50', 'p99', 'commands a call'];
const table = new Table({ head, style: { head: [], border: [] } });
for (const replicas of [0, 1]) {
  const admin = new Redis(replica.url);
  if (replicas === 1) await admin.replicaof('127.0.0.1', Number(new URL(master.url).port));
  while (replicas === 1 && !(await admin.info('replication')).includes('master_link_status:up'))
    await new Promise((r) => setTimeout(r, 50));
  await admin.quit();
  for (const atATime of AT_A_TIME) table.push(await measure(master.url, replicas, atATime));
}
console.log(`The ledger's steps with appendfsync always, in milliseconds; ${CALLS} calls a line.\n${table.toString()}`);
await replica.stop();
await master.stop();
await rm(dir, { recursive: true, force: true });
process.exit(0);
