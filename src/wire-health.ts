import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Config } from './config.ts';
import { startAliveFile } from './heartbeat/alive-file.ts';
import type { ServiceConnection } from './heartbeat/heartbeat.ts';
import { createVitalSigns, type VitalSigns } from './heartbeat/vital-signs.ts';
import type { Logger } from './logger.ts';
import { startHeartbeat } from './queue/heartbeat.ts';
import { createHeartbeatStore, type HeartbeatStore } from './queue/heartbeat-store.ts';
import type { Keys } from './queue/keys.ts';
import { connectImpatiently } from './queue/redis.ts';
import { createRedactor, maskPhone } from './redaction.ts';
import type { Breakers } from './resilience/breakers.ts';

/** How a process says that it lives, and hears of the others. */
export interface Health {
  vitalSigns: VitalSigns;
  heartbeats: HeartbeatStore;
  /** Why Redis doesn't take this process' heartbeats, for anybody to read; undefined when it does. */
  redisTrouble(): string | undefined;
  stop(): Promise<void>;
}

export interface HealthParts {
  config: Config;
  roles: readonly string[];
  redis: Redis;
  keys: Keys;
  log: Logger;
}

/** Starts the heartbeat. What the other parts have to say is added as they start (`vitalSigns.report`). */
export async function startHealth({ config, roles, redis, keys, log }: HealthParts): Promise<Health> {
  const name = `${hostname()}-${process.pid}`;
  const redact = createRedactor(config.secrets);
  const scrub = (text: string) => maskPhone(redact(text)).replace(/\d{7,}/g, '•••');
  const vitalSigns = createVitalSigns({ name, roles, scrub });
  const alive = await startAliveFile(join(config.dataDir, 'alive'), name);
  // Its failures are those of the main connection, which are logged there.
  const connection = connectImpatiently(redis, () => {});
  const heartbeats = createHeartbeatStore(connection, keys);
  const heartbeat = startHeartbeat({
    store: heartbeats,
    id: vitalSigns.id,
    read: vitalSigns.read,
    onError: (error) => log.warn({ service: 'redis', err: error }, `a heartbeat could not be written; trying on: ${error.message}`),
  });
  vitalSigns.onChange(heartbeat.beatNow);
  return {
    vitalSigns,
    heartbeats,
    redisTrouble: () => heartbeat.trouble && scrub(heartbeat.trouble.message),
    async stop() {
      await heartbeat.stop();
      connection.disconnect();
      await alive.stop();
    },
  };
}

/** The breakers of this process, for its heartbeat. */
export function serviceConnections(breakers: Pick<Breakers, 'list'>): ServiceConnection[] {
  return breakers.list().map(({ service, state, since, cause }) => ({
    service,
    state,
    // 0: it never changed.
    since: since === 0 ? undefined : since,
    lastError: cause && { code: cause.code, message: cause.message },
  }));
}
