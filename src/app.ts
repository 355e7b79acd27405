import type { Redis } from 'ioredis';
import type { Alerts } from './alerts/alerts.ts';
import type { Config, Role } from './config.ts';
import type { Logger } from './logger.ts';
import type { ProcessParts } from './process-parts.ts';
import { createPlainDurability } from './queue/durability.ts';
import { createKeys, type Keys } from './queue/keys.ts';
import { connectRedis } from './queue/redis.ts';
import { openDurability } from './queue/redis-rules.ts';
import { redisHosts } from './redis-address.ts';
import type { BreakerChange } from './resilience/breaker.ts';
import { startCalls } from './start-calls.ts';
import { startDelivery } from './start-delivery.ts';
import { startHealthChecks } from './start-health-checks.ts';
import { startWeb } from './start-web.ts';
import { tellSparingly } from './tell-sparingly.ts';
import type { WebServer } from './web/web-server.ts';
import { alertOf, wireAlerts } from './wire-alerts.ts';
import { type Fences, tellChange, wireBreakers } from './wire-breakers.ts';
import { createServices, type RawServices } from './wire-clients.ts';
import { serviceConnections, startHealth } from './wire-health.ts';
import type { LogHooks } from './wire-logs.ts';
import { openRedisServer } from './wire-redis.ts';
import { startSheets } from './wire-sheets.ts';

/** A Redis that takes longer is worth a word: after a restart it reads all its data first. Milliseconds. */
const REDIS_LATE_MS = 3_000;

/** What a process of Ringfence does while it runs. */
export type WorkerRole = Exclude<Role, 'enqueue'>;

export interface App {
  /** Undefined in a process without the web role. */
  readonly web: WebServer | undefined;
  /** Finishes the calls that are under way, then ends everything, in the reverse of the order in which it began. Idempotent. */
  stop(): Promise<void>;
}

/**
 * The one place that wires: starts what the roles need, in order.
 * @throws UserError when something a human must mend stands in the way; then nothing is left running.
 */
export async function startApp(config: Config, roles: readonly WorkerRole[], log: Logger, hooks?: LogHooks): Promise<App> {
  const started: { name: string; stop: () => Promise<unknown> }[] = [];
  const onStop: ProcessParts['onStop'] = (name, stop) => void started.push({ name, stop });
  let drain = () => {};
  let stopping: Promise<void> | undefined;
  const stop = () => {
    drain();
    stopping ??= stopAll(started, log);
    return stopping;
  };
  try {
    const parts = await startParts({ config, roles, log, hooks, onStop });
    drain = parts.health.vitalSigns.drain;
    // First, so that they are the last to go: a start that waits for Asterisk and a drain can both be watched.
    const web = roles.includes('web') ? await startWeb(parts) : undefined;
    if (roles.includes('delivery')) startDelivery(parts);
    if (roles.includes('health')) await startHealthChecks(parts);
    if (roles.includes('call')) await startCalls(parts);
    return { web, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll(started: { name: string; stop: () => Promise<unknown> }[], log: Logger): Promise<void> {
  for (const { name, stop } of started.reverse()) {
    await stop().catch((error: unknown) => log.error({ err: error }, `stopping ${name} failed`));
  }
}

interface Start extends Pick<ProcessParts, 'config' | 'log' | 'onStop'> {
  roles: readonly WorkerRole[];
  hooks: LogHooks | undefined;
}

async function startParts(start: Start): Promise<ProcessParts> {
  const { config, roles, log, hooks, onStop } = start;
  const { redis, keys, durability } = await connect(start);
  const sheets = startSheets({ config, redis, prefix: keys.prefix, log, writes: roles.includes('delivery') });
  if (sheets !== undefined) {
    hooks?.onEvent(sheets.onEvent);
    onStop('spreadsheet', sheets.stop);
  }
  const fenced = await startFences(start, redis, keys);
  sheets?.fence(fenced.fences);
  const { breakers } = fenced.fences;
  hooks?.breakerStates((service) => (service in breakers.services ? breakers.of(service).state : undefined));
  const health = await startHealth({ config, roles, redis, keys, log });
  onStop('heartbeat', health.stop);
  health.vitalSigns.report({ services: () => serviceConnections(breakers) });
  return { config, log, redis, keys, durability, ...fenced, health, sheets, onStop };
}

async function connect({ config, log, onStop }: Start): Promise<Pick<ProcessParts, 'redis' | 'keys' | 'durability'>> {
  const late = setTimeout(
    () =>
      log.warn({ service: 'redis' }, 'the start waits for Redis, which has not answered yet: it may be away, or still be reading its data'),
    REDIS_LATE_MS,
  );
  const server = await openRedisServer(config).finally(() => clearTimeout(late));
  if (server.note !== undefined) log.warn({}, server.note);
  onStop('redis server', () => server.stop());
  const tell = tellSparingly((error) => log.error({ service: 'redis', err: error }, `Redis: ${error.message}`));
  const redis = connectRedis(server.url, tell);
  onStop('redis connection', async () => redis.disconnect());
  const keys = createKeys(config.queuePrefix);
  const durability = config.redisDisposable
    ? createPlainDurability(redis)
    : await openDurability(redis, keys, redisHosts(server.url), config.redisReplicas);
  onStop('durable writes', () => durability.stop());
  return { redis, keys, durability };
}

async function startFences(
  { config, roles, log, onStop }: Start,
  redis: Redis,
  keys: Keys,
): Promise<{ raw: RawServices; fences: Fences; alerts: Alerts }> {
  const alerts = wireAlerts({ config, redis, prefix: keys.prefix, log });
  onStop('alerts', () => alerts.stop());
  const raw = createServices(config);
  const onChange = async (change: BreakerChange) => {
    tellChange(log, change);
    alerts.raise(alertOf(change, Date.now()));
    await alerts.settled();
  };
  const fences = wireBreakers({ config, redis, keys, log, services: raw, healthWorker: roles.includes('health'), onChange });
  onStop('breakers', () => fences.breakers.stop());
  await fences.breakers.start();
  return { raw, fences, alerts };
}
