import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
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
import { createKeys, type Keys } from './queue/keys.ts';
import { connectRedis } from './queue/redis.ts';
import { startRedis } from './sandbox/redis-server.ts';
import { loadElevenLabsSdk } from './services/elevenlabs-client.ts';
import { type AriConnection, createAriConnection } from './telephony/ari-connection.ts';
import { startHealthMonitor } from './web/health-monitor.ts';
import { startWebServer, type WebServer } from './web/web-server.ts';
import { wireCalls } from './wire-calls.ts';
import { type Health, startHealth } from './wire-health.ts';
import { startLedger } from './wire-ledger.ts';
import { wireCrm, wireLanguageModel, wireServices } from './wire-services.ts';
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
export async function startApp(config: Config, roles: readonly WorkerRole[], log: Logger): Promise<App> {
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
    health = await startHealth({ config, roles, redis, keys, log });
    started.push({ name: 'heartbeat', stop: health.stop });
    // First, so that they are the last to go: a start that waits for Asterisk and a drain can both be watched.
    const web = roles.includes('web') ? await startWeb(config, { redis, keys }, health, started) : undefined;
    if (roles.includes('delivery')) startDelivery(config, { redis, keys }, started, log);
    if (roles.includes('call')) await startCalls(config, { redis, keys }, health, started, log);
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
  const server = await startRedis({ redisUrl: config.redisUrl, dataDir: config.dataDir, mirror: config.debianMirror });
  if (server.note !== undefined) log.warn({}, server.note);
  started.push({ name: 'redis server', stop: () => server.stop() });
  const redis = connectRedis(server.url, (error) => log.error({ service: 'redis', err: error }, `Redis: ${error.message}`));
  started.push({ name: 'redis connection', stop: async () => redis.disconnect() });
  return { redis, keys: createKeys(config.queuePrefix) };
}

/** How long the start waits for an Asterisk that isn't there yet. Milliseconds. */
const ASTERISK_START_MS = 15_000;

async function startCalls(config: Config, { redis, keys }: Store, { vitalSigns }: Health, started: Started[], log: Logger): Promise<void> {
  const { url, username, password, app, deadlineMs } = config.ari;
  const asterisk = createAriConnection({ url, username, password, app, logger: log, requestTimeoutMs: deadlineMs });
  started.push({ name: 'asterisk connection', stop: () => asterisk.close() });
  let activeCalls = 0;
  vitalSigns.report({
    ari: () => ({ state: asterisk.state, since: asterisk.since, lastHeardAt: asterisk.lastHeardAt }),
    activeCalls: () => activeCalls,
  });
  asterisk.onState(vitalSigns.changed);
  // Before the first call: loading it stops everything else for a second or more, and a lock that isn't renewed is lost.
  await loadElevenLabsSdk();
  await reachAsterisk(asterisk);
  await mkdir(join(config.dataDir, 'recordings'), { recursive: true });

  const keeping = startLedger({ config, redis, keys, log });
  started.push({ name: 'ledger', stop: keeping.stop });
  const { ledger, leases } = keeping;
  const sweep = await startSweep({ ledger, leases, redis: keeping.impatient, keys, asterisk, log });
  started.push({ name: 'sweep', stop: sweep.stop });
  const campaigns = createCampaignStore(redis, keys);
  const deps = wireCalls({ config, log, ledger, campaigns, asterisk, services: wireServices(config) });
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
  started.push({ name: 'call worker', stop: () => worker.close() });
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

function startDelivery(config: Config, { redis, keys }: Store, started: Started[], log: Logger): void {
  const crm = wireCrm(config);
  const languageModel = config.openAi.apiKey === '' ? undefined : wireLanguageModel(config);
  const onError = (error: Error) => log.error({ err: error }, `delivery queue: ${error.message}`);
  const queue = createDeliveryQueue(redis, keys.prefix);
  started.push({ name: 'delivery queue', stop: () => queue.close() });
  const worker = createDeliveryWorker({ connection: redis, prefix: keys.prefix, onError }, async (entry, tries, signal) => {
    if (crm === undefined) throw new Error('No CRM is configured any more: set HUBSPOT_ACCESS_TOKEN, then retry this job.');
    await deliverCrmRecord(entry.data, { crm, languageModel }, tries, signal);
  });
  started.push({ name: 'delivery worker', stop: () => worker.close() });
  void worker.run().catch(onError);
  const relay = startOutboxRelay({ redis, outboxKey: keys.outbox, queue, onError });
  started.push({ name: 'outbox relay', stop: () => relay.stop() });
  log.info({ crm: crm === undefined ? 'off' : 'hubspot' }, 'delivery worker started');
}

async function startWeb(
  config: Config,
  { redis, keys }: Store,
  { vitalSigns, heartbeats }: Health,
  started: Started[],
): Promise<WebServer> {
  const recordingsDir = join(config.dataDir, 'recordings');
  await mkdir(recordingsDir, { recursive: true });
  const queues = [createCallQueue(redis, keys.prefix), createDeliveryQueue(redis, keys.prefix)];
  for (const queue of queues) started.push({ name: `${queue.name} queue`, stop: () => queue.close() });
  const health = startHealthMonitor({ own: vitalSigns, readWorkers: heartbeats.read });
  started.push({ name: 'health monitor', stop: async () => health.stop() });
  const web = await startWebServer({ ...config.web, queues, recordingsDir, health });
  started.push({ name: 'web pages', stop: () => web.stop() });
  return web;
}
