import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Alerts } from './alerts/alerts.ts';
import { deliverCrmRecord } from './call/deliver-crm-record.ts';
import { giveUp } from './call/give-up.ts';
import { holdAttempt } from './call/hold-attempt.ts';
import { runCall } from './call/run-call.ts';
import type { Config, Role } from './config.ts';
import { createDeliveryQueue, createDeliveryWorker, startOutboxRelay } from './delivery/outbox.ts';
import { UserError } from './errors.ts';
import type { Logger } from './logger.ts';
import { createCallQueue } from './queue/call-queue.ts';
import { createCallWorker } from './queue/call-worker.ts';
import { createCampaignStore } from './queue/campaign-store.ts';
import { drainWorker } from './queue/drain-worker.ts';
import { createHealthQueue, createHealthWorker, scheduleHealthChecks } from './queue/health-queue.ts';
import { createKeys, type Keys } from './queue/keys.ts';
import { connectRedis } from './queue/redis.ts';
import { assertKeepsItsWord } from './queue/redis-rules.ts';
import { redisHosts } from './redis-address.ts';
import type { BreakerChange } from './resilience/breaker.ts';
import { createHealthChecks } from './resilience/health-check.ts';
import { loadElevenLabsSdk } from './services/elevenlabs-client.ts';
import { type AriConnection, createAriConnection } from './telephony/ari-connection.ts';
import { watchAsterisk } from './watch-asterisk.ts';
import { startHealthMonitor } from './web/health-monitor.ts';
import { startWebServer, type WebServer } from './web/web-server.ts';
import { alertOf, wireAlerts, wireAlertWorkers } from './wire-alerts.ts';
import { type Fences, tellChange, wireBreakers } from './wire-breakers.ts';
import { wireCalls } from './wire-calls.ts';
import { type Health, serviceConnections, startHealth } from './wire-health.ts';
import { startLedger } from './wire-ledger.ts';
import type { LogHooks } from './wire-logs.ts';
import { startMedia } from './wire-media.ts';
import { openRedisServer } from './wire-redis.ts';
import { createServices, fenceDelivery, fenceServices, type RawServices } from './wire-services.ts';
import { type Sheets, startSheets } from './wire-sheets.ts';
import { startSweep } from './wire-sweep.ts';

/** What a process of Ringfence does while it runs. */
export type WorkerRole = Exclude<Role, 'enqueue'>;

export interface App {
  /** Undefined in a process without the web role. */
  readonly web: WebServer | undefined;
  /** Finishes the calls that are under way, then ends everything, in the reverse of the order in which it began. Idempotent. */
  stop(): Promise<void>;
}

interface Started {
  name: string;
  stop: () => Promise<unknown>;
}

/**
 * The one place that wires: starts what the roles need, in order.
 * @throws UserError when something a human must mend stands in the way; then nothing is left running.
 */
export async function startApp(config: Config, roles: readonly WorkerRole[], log: Logger, hooks?: LogHooks): Promise<App> {
  const started: Started[] = [];
  let health: Health | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    health?.vitalSigns.drain();
    stopping ??= stopAll(started, log);
    return stopping;
  };
  try {
    const { redis, keys } = await connect(config, started, log);
    const sheets = startSheets({ config, redis, prefix: keys.prefix, log, writes: roles.includes('delivery') });
    if (sheets !== undefined) {
      hooks?.onEvent(sheets.onEvent);
      started.push({ name: 'spreadsheet', stop: sheets.stop });
    }
    const fenced = await startFences(config, roles, { redis, keys }, started, log);
    const { breakers } = fenced.fences;
    hooks?.breakerStates((service) => (service in breakers.services ? breakers.of(service).state : undefined));
    health = await startHealth({ config, roles, redis, keys, log });
    started.push({ name: 'heartbeat', stop: health.stop });
    health.vitalSigns.report({ services: () => serviceConnections(fenced.fences.breakers) });
    // First, so that they are the last to go: a start that waits for Asterisk and a drain can both be watched.
    const web = roles.includes('web') ? await startWeb(config, { redis, keys }, fenced, health, started) : undefined;
    if (roles.includes('delivery')) startDelivery(config, { redis, keys, sheets }, fenced, started, log);
    if (roles.includes('health')) await startHealthChecks(config, { redis, keys }, fenced, started, log);
    if (roles.includes('call')) await startCalls(config, { redis, keys }, fenced, health, started, log);
    return { web, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll(started: Started[], log: Logger): Promise<void> {
  for (const { name, stop } of started.reverse()) {
    await stop().catch((error: unknown) => log.error({ err: error }, `stopping ${name} failed`));
  }
}

interface Store {
  redis: Redis;
  keys: Keys;
}

async function connect(config: Config, started: Started[], log: Logger): Promise<Store> {
  const server = await openRedisServer(config);
  if (server.note !== undefined) log.warn({}, server.note);
  started.push({ name: 'redis server', stop: () => server.stop() });
  const redis = connectRedis(server.url, (error) => log.error({ service: 'redis', err: error }, `Redis: ${error.message}`));
  started.push({ name: 'redis connection', stop: async () => redis.disconnect() });
  if (!config.redisDisposable) await assertKeepsItsWord(redis, redisHosts(server.url));
  return { redis, keys: createKeys(config.queuePrefix) };
}

/** What every process has: the services it has keys for, their ring fences, and a way to tell humans. */
interface Fenced {
  raw: RawServices;
  fences: Fences;
  alerts: Alerts;
}

async function startFences(
  config: Config,
  roles: readonly WorkerRole[],
  { redis, keys }: Store,
  started: Started[],
  log: Logger,
): Promise<Fenced> {
  const alerts = wireAlerts({ config, redis, prefix: keys.prefix, log });
  started.push({ name: 'alerts', stop: () => alerts.stop() });
  const raw = createServices(config);
  const onChange = async (change: BreakerChange) => {
    tellChange(log, change);
    alerts.raise(alertOf(change, Date.now()));
    await alerts.settled();
  };
  const fences = wireBreakers({ config, redis, keys, log, services: raw, healthWorker: roles.includes('health'), onChange });
  started.push({ name: 'breakers', stop: () => fences.breakers.stop() });
  await fences.breakers.start();
  return { raw, fences, alerts };
}

/** How long the start waits for an Asterisk that isn't there yet. Milliseconds. */
const ASTERISK_START_MS = 15_000;

async function startCalls(
  config: Config,
  { redis, keys }: Store,
  { raw, fences, alerts }: Fenced,
  { vitalSigns }: Health,
  started: Started[],
  log: Logger,
): Promise<void> {
  const { url, username, password, app, deadlineMs } = config.ari;
  const asterisk = createAriConnection({ url, username, password, app, logger: log, requestTimeoutMs: deadlineMs });
  started.push({ name: 'asterisk connection', stop: () => asterisk.close() });
  let activeCalls = 0;
  vitalSigns.report({
    ari: () => ({ state: asterisk.state, since: asterisk.since, lastHeardAt: asterisk.lastHeardAt }),
    activeCalls: () => activeCalls,
  });
  asterisk.onState(vitalSigns.changed);
  const watch = watchAsterisk(asterisk, fences.breakers, fences.policy);
  started.push({ name: 'watch over Asterisk', stop: async () => watch.stop() });
  // Before the first call: loading it stops everything else for a second or more, and a lock that isn't renewed is lost.
  await loadElevenLabsSdk();
  await reachAsterisk(asterisk);
  const media = await startMedia({ config, asterisk, log });
  started.push({ name: 'media', stop: media.stop });
  vitalSigns.report({
    audiosocket: () => (media.audioSocket === undefined ? 'disabled' : media.audioSocket.stale ? 'stale' : 'listening'),
  });
  await mkdir(join(config.dataDir, 'recordings'), { recursive: true });

  const keeping = startLedger({ config, redis, keys, log });
  started.push({ name: 'ledger', stop: keeping.stop });
  const { ledger, leases } = keeping;
  const sweep = await startSweep({ ledger, leases, redis: keeping.impatient, keys, asterisk, log });
  started.push({ name: 'sweep', stop: sweep.stop });
  const campaigns = createCampaignStore(redis, keys);
  const leave = new AbortController();
  const deps = wireCalls({
    config,
    log,
    leave: leave.signal,
    ledger,
    campaigns,
    asterisk,
    media,
    services: fenceServices(config, raw, fences),
    breakers: fences.breakers,
    policy: fences.policy,
    alerts,
  });
  const onError = (error: Error) => log.error({ err: error }, `calls queue: ${error.message}`);
  const worker = createCallWorker(
    {
      ...{ connection: redis, prefix: keys.prefix, concurrency: config.callConcurrency, onError },
      onLocksLost: leases.loseLocks,
      countBroken: ledger.broke,
      giveUp: (data, reason) => giveUp(data, reason, deps),
    },
    async (job) => {
      activeCalls += 1;
      return holdAttempt(job, leases, (held) => runCall(held, deps)).finally(() => {
        activeCalls -= 1;
      });
    },
  );
  started.push({ name: 'call worker', stop: () => drainWorker({ worker, leave, timeoutMs: config.drainTimeoutMs, log }) });
  void worker.run().catch(onError);
  log.info({ app, concurrency: config.callConcurrency }, 'call worker started');
}

async function reachAsterisk(asterisk: AriConnection): Promise<void> {
  const timeout = AbortSignal.timeout(ASTERISK_START_MS);
  try {
    await asterisk.waitUntilConnected(timeout);
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw new UserError(
      `Asterisk did not answer at ${asterisk.origin} within ${ASTERISK_START_MS / 1000} s, so no call can be placed. Start it (npm run asterisk -- up brings one up), ` +
        'or correct ARI_URL; its http.conf must have enabled = yes and its ari.conf the user of ARI_USERNAME.',
    );
  }
}

function startDelivery(
  config: Config,
  { redis, keys, sheets }: Store & { sheets: Sheets | undefined },
  { raw, fences, alerts }: Fenced,
  started: Started[],
  log: Logger,
): void {
  const { crm, languageModel } = fenceDelivery(config, raw, fences);
  const onError = (error: Error) => log.error({ err: error }, `delivery queue: ${error.message}`);
  const queue = createDeliveryQueue(redis, keys.prefix);
  started.push({ name: 'delivery queue', stop: () => queue.close() });
  const worker = createDeliveryWorker({ connection: redis, prefix: keys.prefix, onError }, async (entry, tries, signal) => {
    if (entry.kind === 'sheet-row') return sheets?.addCall(entry.data);
    if (crm === undefined) throw new Error('No CRM is configured any more: set HUBSPOT_ACCESS_TOKEN, then retry this job.');
    await deliverCrmRecord(entry.data, { crm, languageModel }, tries, signal);
  });
  started.push({ name: 'delivery worker', stop: () => worker.close() });
  void worker.run().catch(onError);
  const relay = startOutboxRelay({ redis, outboxKey: keys.outbox, queue, onError });
  started.push({ name: 'outbox relay', stop: () => relay.stop() });
  const alertWorkers = wireAlertWorkers({ config, redis, prefix: keys.prefix, log }, alerts.raise);
  started.push({ name: 'alert workers', stop: () => alertWorkers.stop() });
  alertWorkers.start();
  log.info(
    { crm: crm === undefined ? 'off' : 'hubspot', spreadsheet: sheets === undefined ? 'off' : 'google-sheets' },
    'delivery worker started',
  );
}

async function startHealthChecks(
  config: Config,
  { redis, keys }: Store,
  { fences }: Fenced,
  started: Started[],
  log: Logger,
): Promise<void> {
  const onError = (error: Error) => log.error({ err: error }, `health queue: ${error.message}`);
  const queue = createHealthQueue(redis, keys.prefix);
  started.push({ name: 'health queue', stop: () => queue.close() });
  await scheduleHealthChecks(queue, config.healthIntervalMs);
  const { breakers } = fences;
  const worker = createHealthWorker({ connection: redis, prefix: keys.prefix, onError }, createHealthChecks({ breakers, log }));
  started.push({ name: 'health worker', stop: () => worker.close() });
  void worker.run().catch(onError);
  log.info({ everyMs: config.healthIntervalMs, services: Object.keys(breakers.services) }, 'health worker started');
}

async function startWeb(
  config: Config,
  { redis, keys }: Store,
  { alerts }: Fenced,
  { vitalSigns, heartbeats }: Health,
  started: Started[],
): Promise<WebServer> {
  const recordingsDir = join(config.dataDir, 'recordings');
  await mkdir(recordingsDir, { recursive: true });
  const queues = [createCallQueue(redis, keys.prefix), createDeliveryQueue(redis, keys.prefix), createHealthQueue(redis, keys.prefix)];
  for (const queue of queues) started.push({ name: `${queue.name} queue`, stop: () => queue.close() });
  const health = startHealthMonitor({ own: vitalSigns, readWorkers: heartbeats.read });
  started.push({ name: 'health monitor', stop: async () => health.stop() });
  const web = await startWebServer({ ...config.web, queues: [...queues, ...alerts.queues], recordingsDir, health });
  started.push({ name: 'web pages', stop: () => web.stop() });
  return web;
}
