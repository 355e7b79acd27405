import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { createAlertQueue } from '../../src/alerts/alert-queues.ts';
import { loadConfig } from '../../src/config.ts';
import { createDeliveryQueue } from '../../src/delivery/outbox.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { createKeys } from '../../src/queue/keys.ts';
import { PUT_THROUGH } from '../../src/queue/ledger-scripts.ts';
import { type RedisServer, startRedis } from '../../src/sandbox/redis-server.ts';
import { sleep } from '../../src/sleep.ts';
import { openContactSink } from '../../src/wire-producer.ts';
import { type Story, shortCampaign, withColleague } from './campaign.ts';
import { type AsteriskKind, type ChaosWorld, startChaosWorld } from './chaos-world.ts';
import { type Meetings, watchMeetings } from './meetings.ts';
import { patience } from './patience.ts';
import { isAccountedFor, type Sightings } from './sightings.ts';
import { startWiredWorker, type WiredWorker } from './wired-worker.ts';

/** Where Debian's Redis is unpacked once for all runs. */
const DEBIAN_DIR = join(import.meta.dirname, '../../data/debian');
/** A dead worker's job is another's within 10 s, its call takes 10 s, its redial as much again; looks again are hurried along. */
const SETTLE_MS = 90_000;
/** A contact that is looked at too often is given up; nobody looks a hundred times in 90 s. */
const GO_ON_MS = 45_000;
const HURRY_EVERY_MS = 2_000;
/** Longer than a Redis is away. Milliseconds. */
const ENQUEUE_MS = 30_000;
/** Minutes, in earnest. Long enough to tell a redial from a second dial. */
export const REDIAL_MS = 2_000;
/** P3: 10 s while any process of ours lives, and half as much again. Milliseconds. */
const ORPHAN_MS = 15_000;
/** P3 when none does: the dead-man's switch, and as much again. Milliseconds. */
export const DEAD_MAN_MS = 35_000;

/** One world with its own Redis and its workers, in which histories take place one after the other. */
export interface ChaosRun {
  readonly world: ChaosWorld;
  readonly workers: readonly WiredWorker[];
  /** Where callees are put through. */
  readonly meetings: Meetings | undefined;
  startWorker(options?: { broken?: string | undefined }): Promise<WiredWorker>;
  /** So many who pick up and have never been called; answers their numbers. What was seen of those before them no longer counts. */
  enqueue(count: number): Promise<string[]>;
  /** Somebody who is busy: a call that is over at once. */
  enqueueBusy(): Promise<void>;
  killRedis(): Promise<void>;
  restartRedis(): Promise<void>;
  /** Somebody may be left without an owner from here on. */
  faultBegins(): void;
  /** Another worker has taken over. */
  ownedAgain(): void;
  /** From here on the time counts in which orphans must be gone. */
  faultIsOver(): void;
  /** Channels that should be gone by now. */
  expectNothingLeft(channels: readonly string[]): void;
  /** Lets the calls go on, unhurried, until every contact has an outcome, or `isOver`, or for 45 s. */
  goOn(isOver: () => boolean): Promise<void>;
  /** Hurries along what waits, until every contact has an outcome and nothing of ours is left in Asterisk, or time is up. */
  settle(): Promise<void>;
  /** Of those that were enqueued last. */
  sightings(): Promise<Sightings>;
  /** Of everybody who was ever enqueued: what happened after their history was over is seen here. */
  allSightings(): Promise<Sightings>;
  close(): Promise<void>;
}

export interface ChaosRunOptions {
  asterisk: AsteriskKind;
  /** Default `call`. */
  story?: Story | undefined;
  /** Alerts, outcomes by webhook and a spreadsheet, too; outages are over in seconds, and health checks find that out. */
  listening?: boolean;
}

/** Waits of half an hour, in seconds. Milliseconds. */
const HURRIED = {
  RETRY_INITIAL_DELAY: '200',
  BREAKER_RESET: '2000',
  HEALTH_INTERVAL: '2000',
  HELD_BACK_WAIT: '2000',
};

export async function startChaosRun({ asterisk, story = 'call', listening = false }: ChaosRunOptions): Promise<ChaosRun> {
  const dir = await mkdtemp(join(tmpdir(), 'ringfence-chaos-'));
  const prefix = `chaos-${randomUUID().slice(0, 8)}`;
  const startOurRedis = () => startRedis({ dataDir: dir, debianDir: DEBIAN_DIR });
  let redisServer: RedisServer = await startOurRedis();
  const world = await startChaosWorld(asterisk, { listening });
  const workers: WiredWorker[] = [];
  const everybody: string[] = [];
  let started = 0;
  let campaigns = 0;
  let waitedFor: readonly string[] = [];
  let marks: number[] = [];
  let faultAt = 0;
  let ownedAgainAt = 0;
  let faultOverAt = Date.now();
  let orphans: string[] = [];
  let bridges: string[] = [];

  const settingsFor = (redisUrl: string) => ({
    ...world.settings,
    ...(listening ? HURRIED : {}),
    REDIS_URL: redisUrl,
    QUEUE_PREFIX: prefix,
    DATA_DIR: join(dir, 'data'),
    ARI_APP: `chaos-${started + 1}`,
    CALL_CONCURRENCY: '4',
    REDIAL_INTERRUPTED: String(REDIAL_MS),
  });

  const meetings = story === 'transfer' ? watchMeetings(world) : undefined;
  // The call that warms a stage up puts nobody through.
  if (meetings !== undefined) await loadScript(redisServer.url, PUT_THROUGH);

  const enqueue = async (numbers: readonly string[], colleague?: string) => {
    campaigns += 1;
    const short = { ...(await shortCampaign(world.dialString, world.maxCallMs)), name: `chaos ${campaigns}` };
    const campaign = colleague === undefined ? short : withColleague(short, colleague);
    const contacts = numbers.map((phone) => ({ phone, name: 'Somebody', timeZones: ['UTC'], variables: {} }));
    const add = async () => {
      const sink = await openContactSink(loadConfig(['enqueue'], settingsFor(redisServer.url)), campaign);
      await sink.add(contacts, { update: false, dryRun: false }).finally(() => sink.close());
    };
    const giveUpAt = Date.now() + patience(ENQUEUE_MS);
    // Whose Redis was away in the middle of an import runs it again: that adds nobody twice.
    for (;;) {
      try {
        return await add();
      } catch (error) {
        if (Date.now() > giveUpAt) throw error;
        await sleep(500);
      }
    }
  };

  const seen = async (enqueued: readonly string[]): Promise<Sightings> => {
    const isOne = <T extends { number: string }>(one: T) => enqueued.includes(one.number);
    const colleagues = new Map(meetings && everybody.map((number) => [world.colleagueOf(number), number]));
    const isStranger = <T extends { number: string }>({ number }: T) =>
      number !== world.busy && !everybody.includes(number) && !colleagues.has(number);
    const of = <T extends { number: string }>(all: readonly T[]) => all.filter((one) => isOne(one) || isStranger(one));
    const [dials, talks] = [await world.dials(), world.talks()];
    /** What concerns a colleague, under the callee's number. */
    const ofColleagues = <T extends { number: string }>(all: readonly T[]): T[] =>
      all.flatMap((one) => {
        const number = colleagues.get(one.number);
        return number !== undefined && enqueued.includes(number) ? [{ ...one, number }] : [];
      });
    return {
      enqueued,
      dials: of(dials),
      rows: of(world.rows()),
      told: of(world.told()),
      talks: talks && of(talks),
      marks,
      orphans,
      bridges,
      redialMs: REDIAL_MS,
      transfers: meetings && {
        dials: ofColleagues(dials),
        callees: of(talks ?? []),
        colleagues: ofColleagues(talks ?? []),
        meetings: meetings.all(),
        faultAt,
        ownedAgainAt,
      },
    };
  };

  return {
    world,
    workers,
    meetings,

    async startWorker({ broken } = {}) {
      const settings = settingsFor(redisServer.url);
      started += 1;
      const onCrossing = (_service: string, what: string) => {
        if (what === 'MARK request') marks.push(Date.now());
      };
      const roles = listening ? ['call', 'delivery', 'health'] : ['call', 'delivery'];
      const worker = await startWiredWorker({ name: `worker-${started}`, roles, settings, broken, dir, onCrossing });
      workers.push(worker);
      return worker;
    },

    async enqueue(count) {
      const numbers = Array.from({ length: count }, () => world.newNumber(story));
      waitedFor = numbers;
      everybody.push(...numbers);
      [marks, orphans, bridges] = [[], [], []];
      if (story === 'transfer') for (const number of numbers) await enqueue([number], world.colleagueOf(number));
      else await enqueue(numbers);
      return numbers;
    },

    async enqueueBusy() {
      waitedFor = [];
      await enqueue([world.busy]);
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

    faultBegins() {
      [faultAt, ownedAgainAt] = [Date.now(), 0];
    },
    ownedAgain() {
      ownedAgainAt = Date.now();
    },
    faultIsOver() {
      faultOverAt = Date.now();
    },

    expectNothingLeft(channels) {
      orphans = [...channels];
    },

    async goOn(isOver) {
      const startedAt = Date.now();
      const isTimeUp = () => Date.now() - startedAt > patience(GO_ON_MS);
      while (!waitedFor.every((number) => isAccountedFor(number, world.rows())) && !isOver() && !isTimeUp()) await sleep(100);
    },

    async settle() {
      const redis = new Redis(redisServer.url, { maxRetriesPerRequest: null });
      redis.on('error', () => undefined);
      const [calls, deliveries] = [createCallQueue(redis, prefix), createDeliveryQueue(redis, prefix)];
      const alerts = (['telegram', 'email', 'webhook'] as const).map((channel) => createAlertQueue(redis, prefix, channel));
      const tellers: Queue[] = [deliveries, ...alerts];
      const hurry = async () => {
        // A redial keeps its time.
        for (const job of await calls.getDelayed()) if (job.data.attempt === 1) await job.promote().catch(() => undefined);
        for (const queue of tellers) for (const job of await queue.getDelayed()) await job.promote().catch(() => undefined);
      };
      const isDelivered = async () => {
        const waiting = await Promise.all(tellers.map((queue) => queue.getJobCountByTypes('waiting', 'active', 'delayed')));
        return (await redis.llen(createKeys(prefix).outbox)) === 0 && waiting.every((count) => count === 0) && isAllTold(world, waitedFor);
      };
      const isSettled = async () =>
        waitedFor.every((number) => isAccountedFor(number, world.rows())) &&
        (await calls.getJobCountByTypes('waiting', 'active', 'delayed')) === 0 &&
        (await isDelivered());
      try {
        const startedAt = Date.now();
        let hurriedAt = Date.now();
        while (!(await isSettled()) && Date.now() - startedAt < patience(SETTLE_MS)) {
          await sleep(100);
          if (Date.now() - hurriedAt < HURRY_EVERY_MS) continue;
          hurriedAt = Date.now();
          await hurry();
        }
        const left = await untilNothingIsLeft(world, faultOverAt);
        orphans = [...new Set([...orphans, ...left.orphans])];
        bridges = left.bridges;
      } finally {
        for (const queue of [calls, ...tellers]) await queue.close();
        redis.disconnect();
      }
    },

    sightings: () => seen(waitedFor),
    allSightings: async () => ({ ...(await seen(everybody)), marks: [0], orphans: [], bridges: [] }),

    async close() {
      await meetings?.stop();
      await Promise.all(workers.map((worker) => worker.close()));
      await world.stop();
      await redisServer.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Redis knows it from then on, and is asked for it once a step. */
async function loadScript(redisUrl: string, script: string): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.script('LOAD', script);
  redis.disconnect();
}

/** The spreadsheet and the alerts come when they come; what never comes is a violation in the end. */
function isAllTold({ listeners, rows }: ChaosWorld, numbers: readonly string[]): boolean {
  if (listeners === undefined) return true;
  const told = listeners.told();
  const attempts = rows().filter(({ number }) => numbers.includes(number));
  const isOver = ({ about }: { about: string }) => told.alerts.some((alert) => alert.kind === 'breaker-closed' && alert.about === about);
  return (
    attempts.every(({ attempt }) => told.sheet.some((row) => row.attempt === attempt)) &&
    told.alerts.filter(({ kind }) => kind === 'breaker-opened').every(isOver)
  );
}

async function untilNothingIsLeft(world: ChaosWorld, since: number): Promise<{ orphans: string[]; bridges: string[] }> {
  const limitMs = patience(ORPHAN_MS);
  const giveUpAt = Math.max(since, Date.now() - limitMs / 2) + limitMs;
  for (;;) {
    const [orphans, bridges] = [await world.channels(), (await world.bridges()).map(({ id }) => id)];
    if ((orphans.length === 0 && bridges.length === 0) || Date.now() > giveUpAt) return { orphans, bridges };
    await sleep(200);
  }
}
