import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { loadConfig } from '../../src/config.ts';
import { createDeliveryQueue } from '../../src/delivery/outbox.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createKeys } from '../../src/queue/keys.ts';
import { type RedisServer, startRedis } from '../../src/sandbox/redis-server.ts';
import { sleep } from '../../src/sleep.ts';
import { openContactSink } from '../../src/wire-producer.ts';
import { shortCampaign } from './campaign.ts';
import { type AsteriskKind, type ChaosWorld, startChaosWorld } from './chaos-world.ts';
import { type Crossing, type FaultProxy, startFaultProxy, type Verdict } from './fault-proxy.ts';
import { createHttpSplitter } from './http-splitter.ts';
import { createRespSplitter } from './resp-splitter.ts';
import type { Sightings } from './sightings.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

/** Where Debian's Redis is unpacked once for all runs. */
const DEBIAN_DIR = join(import.meta.dirname, '../../data/debian');
/** A dead worker's job is another's within 10 s, its call takes 10 s, and looks again are hurried along. */
const SETTLE_MS = 90_000;
/** A contact that is looked at too often is given up; nobody looks a hundred times in 90 s. */
const GO_ON_MS = 45_000;
const HURRY_EVERY_MS = 2_000;
/** P3: 10 s while any process of ours lives, and half as much again; twice that where two processes wait for each core. Milliseconds. */
const orphanMs = () => ((loadavg()[0] ?? 0) > 2 * cpus().length ? 30_000 : 15_000);
/** P3 when none does: the dead-man's switch, and as much again. Milliseconds. */
export const DEAD_MAN_MS = 35_000;

export interface Route {
  service: string;
  proxy: FaultProxy;
}

/** A worker and the wires to its services, each of which can be made ill by itself. */
export interface WiredWorker extends WorkerProcess {
  routes: readonly Route[];
  route(service: string): FaultProxy;
}

export interface ChaosRun {
  readonly world: ChaosWorld;
  readonly workers: readonly WiredWorker[];
  /** `decide` sees everything that crosses between this worker and its services. */
  startWorker(options?: {
    decide?: (service: string, crossing: Crossing) => Verdict | Promise<Verdict>;
    broken?: string | undefined;
  }): Promise<WiredWorker>;
  enqueue(count: number): Promise<void>;
  killRedis(): Promise<void>;
  restartRedis(): Promise<void>;
  /** From here on the time counts in which orphans must be gone. */
  faultIsOver(): void;
  /** Channels that should be gone by now. */
  expectNothingLeft(channels: readonly string[]): void;
  /** Lets the calls go on, unhurried, until every contact has an outcome, or `isOver`, or for 45 s. */
  goOn(isOver: () => boolean): Promise<void>;
  /** Hurries along what waits, until every contact has an outcome and nothing of ours is left in Asterisk, or time is up. */
  settle(): Promise<void>;
  sightings(): Promise<Sightings>;
  close(): Promise<void>;
}

export interface ChaosRunOptions {
  asterisk: AsteriskKind;
}

/** One world with its own Redis, in which one history takes place. */
export async function startChaosRun({ asterisk }: ChaosRunOptions): Promise<ChaosRun> {
  const dir = await mkdtemp(join(tmpdir(), 'ringfence-chaos-'));
  const prefix = `chaos-${randomUUID().slice(0, 8)}`;
  const startOurRedis = () => startRedis({ dataDir: dir, debianDir: DEBIAN_DIR });
  let redisServer: RedisServer = await startOurRedis();
  const world = await startChaosWorld(asterisk);
  const workers: WiredWorker[] = [];
  const enqueued: string[] = [];
  let mayHaveRung = false;
  let faultOverAt = Date.now();
  let orphans: string[] = [];
  let bridges: string[] = [];

  const settingsFor = (redisUrl: string) => ({
    ...world.settings,
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: prefix,
    DATA_DIR: join(dir, 'data'),
    ARI_APP: `chaos-${workers.length + 1}`,
    CALL_CONCURRENCY: '4',
  });

  return {
    world,
    workers,

    async startWorker({ decide, broken } = {}) {
      const routes: Route[] = [];
      const wire = async (service: string, url: string) => {
        const splitter = service === 'redis' ? createRespSplitter : createHttpSplitter;
        const proxy = await startFaultProxy({
          targetPort: Number(new URL(url).port),
          splitter,
          decide: (crossing) => {
            if (crossing.what === 'MARK' && crossing.side === 'request') mayHaveRung = true;
            return decide?.(service, crossing) ?? 'pass';
          },
        });
        routes.push({ service, proxy });
        const wired = new URL(url);
        wired.port = String(proxy.port);
        return wired.href.replace(/\/$/, '');
      };
      const settings: Record<string, string> = {};
      for (const [name, value] of Object.entries(settingsFor(redisServer.url))) {
        const service = /^(REDIS|ARI|ELEVENLABS|OPENAI|HUBSPOT)(_BASE)?_URL$/.exec(name)?.[1]?.toLowerCase();
        settings[name] = service === undefined ? value : await wire(service === 'ari' ? 'asterisk' : service, value);
      }
      const name = `worker-${workers.length + 1}`;
      const worker = await startWorkerProcess({ name, settings, broken, logFile: join(dir, `${name}.log`) });
      const route = (service: string) => {
        const found = routes.find((one) => one.service === service);
        if (found === undefined) throw new RangeError(`no service ${service}`);
        return found.proxy;
      };
      const wired = Object.assign(worker, { routes, route });
      workers.push(wired);
      return wired;
    },

    async enqueue(count) {
      const config = loadConfig(['enqueue'], settingsFor(redisServer.url));
      const sink = await openContactSink(config, await shortCampaign(world.dialString));
      try {
        const contacts = world.numbers.slice(0, count).map((phone) => ({ phone, name: 'Somebody', timeZones: ['UTC'], variables: {} }));
        await sink.add(contacts, { update: false, dryRun: false });
        enqueued.push(...contacts.map(({ phone }) => phone));
      } finally {
        await sink.close();
      }
    },

    async killRedis() {
      const { pid } = JSON.parse(await readFile(join(dir, 'redis/running.json'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      for (const worker of workers) worker.route('redis').cut();
    },
    async restartRedis() {
      redisServer = await startOurRedis();
      for (const worker of workers) worker.route('redis').retarget(Number(new URL(redisServer.url).port));
    },

    faultIsOver() {
      faultOverAt = Date.now();
    },

    expectNothingLeft(channels) {
      orphans = [...channels];
    },

    async goOn(isOver) {
      const giveUpAt = Date.now() + GO_ON_MS;
      const hasOutcome = (number: string) => world.rows().some((row) => row.number === number);
      while (!enqueued.every(hasOutcome) && !isOver() && Date.now() < giveUpAt) await sleep(100);
    },

    async settle() {
      const redis = new Redis(redisServer.url, { maxRetriesPerRequest: null });
      redis.on('error', () => undefined);
      const [calls, deliveries] = [createCallQueue(redis, prefix), createDeliveryQueue(redis, prefix)];
      const hurry = async () => {
        // A redial is minutes away and stays there.
        for (const job of await calls.getDelayed()) if (job.data.attempt === 1) await job.promote().catch(() => undefined);
        for (const job of await deliveries.getDelayed()) await job.promote().catch(() => undefined);
      };
      const isDelivered = async () =>
        (await redis.llen(createKeys(prefix).outbox)) === 0 && (await deliveries.getJobCountByTypes('waiting', 'active', 'delayed')) === 0;
      const isSettled = async () =>
        enqueued.every((number) => world.rows().some((row) => row.number === number)) &&
        (await calls.getActiveCount()) === 0 &&
        (await isDelivered());
      try {
        const giveUpAt = Date.now() + SETTLE_MS;
        let hurriedAt = Date.now();
        while (!(await isSettled()) && Date.now() < giveUpAt) {
          await sleep(100);
          if (Date.now() - hurriedAt < HURRY_EVERY_MS) continue;
          hurriedAt = Date.now();
          await hurry();
        }
        const left = await untilNothingIsLeft(world, faultOverAt);
        orphans = [...new Set([...orphans, ...left.orphans])];
        bridges = left.bridges;
      } finally {
        await calls.close();
        await deliveries.close();
        redis.disconnect();
      }
    },

    async sightings() {
      return {
        enqueued,
        dials: await world.dials(),
        rows: world.rows(),
        told: world.told(),
        talks: world.talks(),
        mayHaveRung,
        orphans,
        bridges,
      };
    },

    async close() {
      await Promise.all(workers.map((worker) => worker.kill()));
      for (const { routes } of workers) for (const { proxy } of routes) await proxy.close();
      await world.stop();
      await redisServer.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function untilNothingIsLeft(world: ChaosWorld, since: number): Promise<{ orphans: string[]; bridges: string[] }> {
  const giveUpAt = Math.max(since, Date.now() - orphanMs() / 2) + orphanMs();
  for (;;) {
    const [orphans, bridges] = [await world.channels(), await world.bridges()];
    if ((orphans.length === 0 && bridges.length === 0) || Date.now() > giveUpAt) return { orphans, bridges };
    await sleep(200);
  }
}
