import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job, JobState } from 'bullmq';
import type { Redis } from 'ioredis';
import { inject } from 'vitest';
import { type App, startApp, type WorkerRole } from '../../src/app.ts';
import type { CallJobData } from '../../src/call/call-job.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { createLogger, type LogLine } from '../../src/logger.ts';
import { type CallJobResult, createCallQueue } from '../../src/queue/call-queue.ts';
import { connectRedis } from '../../src/queue/redis.ts';
import { startWorld, type World, type WorldOptions } from '../../src/sandbox/world.ts';
import { openContactSink } from '../../src/wire-producer.ts';

/* What the stories of outages share: a world, a worker in it whose waits are scaled down, and eyes on the outside. */

export interface OutageOptions {
  /** Of the process in this test. Default: everything but the web pages; none: the test starts its own. */
  roles?: readonly WorkerRole[];
  settings?: Record<string, string>;
  world?: Partial<WorldOptions>;
  redisUrl?: string;
}

export interface Outage {
  readonly world: World;
  readonly asterisk: NonNullable<World['asterisk']>;
  /** For a worker in a process of its own. */
  readonly settings: Record<string, string>;
  readonly config: Config;
  readonly app: App | undefined;
  readonly redis: Redis;
  readonly queue: ReturnType<typeof createCallQueue>;
  readonly log: () => string;
  enqueue(campaign: Campaign, contacts: Contact[]): Promise<void>;
  contactOf(role: string): Contact;
  job(role: string, campaign?: Campaign): Promise<Seen | undefined>;
  /** Of a campaign, attempts of redials too. */
  jobs(campaign: Campaign): Promise<Seen[]>;
  dialsTo(role: string): number;
  /** Rows of the spreadsheet of this kind (`failure`, `event`, `call`) in which some cell fits. */
  sheetRows(kind: string, pattern?: RegExp): number;
  /** Messages that humans got whose first line fits: by mail, Telegram, webhook. */
  told(pattern: RegExp): [number, number, number];
  stop(): Promise<void>;
}

/** A call job as Bull Board shows it. */
export interface Seen {
  phone: string;
  state: JobState | 'unknown';
  disposition: string | undefined;
  reason: string | undefined;
  progress: string | undefined;
  logs: string[];
}

/** A fiftieth of the documented schedule: requests at 0, 100, 300 and 700 ms. */
const SCALED = {
  RETRY_INITIAL_DELAY: '100',
  HEALTH_INTERVAL: '300',
  BREAKER_RESET: '300',
  HELD_BACK_WAIT: '200',
  // Who still talks when a story is over is told goodbye.
  DRAIN_TIMEOUT: '200',
};

export const reminder: Campaign = {
  name: 'reminder',
  callerId: '+12025550199',
  dialString: 'PJSIP/{e164}@people',
  defaultCountry: 'US',
  language: 'en-US',
  voice: 'voice-of-the-campaign',
  greeting: 'Hello {{name}}.',
  disclosure: 'I am an assistant.',
  goodbye: 'Goodbye.',
  goal: 'Confirm the appointment.',
  script: 'Ask whether the appointment still suits.',
  hours: { from: '00:00', to: '24:00' },
  whenServiceDown: 'wait',
  recording: false,
  limits: { answerTimeoutMs: 5_000, maxCallMs: 60_000, maxTurns: 10 },
};

export async function startOutage(options: OutageOptions = {}): Promise<Outage> {
  const { roles = ['call', 'health', 'delivery'], redisUrl = inject('redisUrl') } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'ringfence-outage-'));
  const world = await startWorld({ asterisk: 'sandbox', dataDir, ...options.world });
  const settings = {
    ...world.settings,
    ...SCALED,
    REDIS_URL: redisUrl,
    REDIS_DISPOSABLE: 'true',
    QUEUE_PREFIX: `outage-${randomUUID()}`,
    DATA_DIR: dataDir,
    ...options.settings,
  };
  const config = loadConfig(roles, settings);
  const redis = connectRedis(redisUrl, () => {});
  const queue = createCallQueue(redis, config.queuePrefix);
  queue.on('error', () => {});
  const lines: string[] = [];
  let toSheet: ((line: LogLine) => void) | undefined;
  const logger = createLogger({
    level: 'info',
    secrets: config.secrets,
    write: (line) => void lines.push(line),
    onEvent: (line) => toSheet?.(line),
  });
  const hooks = {
    onEvent(listener: (line: LogLine) => void) {
      toSheet = listener;
    },
    breakerStates() {},
  };
  const app = roles.length === 0 ? undefined : await startApp(config, roles, logger, hooks);
  const { asterisk } = world;
  if (asterisk === undefined) throw new Error('these stories are told with the sandbox Asterisk');

  return {
    ...{ world, asterisk, settings, config, app, redis, queue, log: () => lines.join('') },
    async enqueue(campaign, contacts) {
      const sink = await openContactSink(config, campaign);
      await sink.add(contacts, { update: false, dryRun: false });
      await sink.close();
    },
    contactOf(role) {
      const { number, name } = world.people.byRole(role);
      return { phone: number, name, timeZones: ['America/New_York'], variables: {} };
    },
    async job(role, campaign = reminder) {
      const { number } = world.people.byRole(role);
      const jobs = await queue.getJobs(['waiting', 'active', 'delayed', 'completed', 'failed']);
      const job = jobs.find((one) => one?.data.phone === number && one.data.campaign === campaign.name);
      return job && see(queue, job);
    },
    async jobs(campaign) {
      const jobs = await queue.getJobs(['waiting', 'active', 'delayed', 'completed', 'failed']);
      const seen = jobs.flatMap((job) => (job?.data.campaign === campaign.name ? [see(queue, job)] : []));
      return (await Promise.all(seen)).filter((one) => one !== undefined);
    },
    dialsTo: (role) => asterisk.dials.filter(({ number }) => number === world.people.byRole(role).number).length,
    sheetRows: (kind, pattern = /./) =>
      world.googleSheets.rows.filter((row) => row[2] === kind && row.some((cell) => pattern.test(String(cell)))).length,
    told: (pattern) => [
      world.smtp.mails.filter(({ subject }) => pattern.test(subject)).length,
      world.telegram.messages.filter(({ text }) => pattern.test(text.split('\n', 1)[0] ?? '')).length,
      world.webhook.deliveries.filter(({ body }) => pattern.test((body as { data: { subject: string } }).data.subject)).length,
    ],
    async stop() {
      await app?.stop();
      await world.stop();
      const keys = await redis.keys(`${config.queuePrefix}:*`);
      for (let from = 0; from < keys.length; from += 5_000) await redis.del(...keys.slice(from, from + 5_000));
      await queue.close();
      redis.disconnect();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function see(queue: Outage['queue'], { id = '' }: Job<CallJobData, CallJobResult>): Promise<Seen | undefined> {
  // What it holds now, not what it held when it was listed.
  const [state, job, { logs }] = await Promise.all([queue.getJobState(id), queue.getJob(id), queue.getJobLogs(id)]);
  if (job === undefined) return undefined;
  const progress = (job.progress as { state?: string } | undefined)?.state;
  const { disposition, reason } = job.returnvalue ?? {};
  return { phone: job.data.phone, state, disposition, reason: reason ?? job.failedReason, progress, logs };
}
