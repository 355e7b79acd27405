import type { Redis } from 'ioredis';
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import type { Durability } from './queue/durability.ts';
import type { Keys } from './queue/keys.ts';
import { createLeases, type Leases } from './queue/leases.ts';
import { createLedger, type Ledger } from './queue/ledger.ts';
import { connectImpatiently } from './queue/redis.ts';

export interface LedgerParts {
  config: Config;
  redis: Redis;
  keys: Keys;
  durability: Durability;
  log: Logger;
}

export interface StartedLedger {
  ledger: Ledger;
  leases: Leases;
  /** Its commands fail when Redis is silent. */
  impatient: Redis;
  stop(): Promise<void>;
}

/** The ledger of a process that places calls, and its right to the attempts that it works on. */
export function startLedger({ config, redis, keys, durability, log }: LedgerParts): StartedLedger {
  // Its failures are those of the main connection, which are logged there.
  const impatient = connectImpatiently(redis, () => {});
  const leases = createLeases({ redis: impatient, keys, log, check: durability.check });
  const ledger = createLedger({
    redis,
    keys,
    owner: config.ari.app,
    days: config.ledgerDays,
    leases: leases.ledger,
    durability,
    onWait: (error) =>
      log.error({ service: 'redis', err: error }, `the outcome of a call waits until Redis can be written: ${error.message}`),
  });
  return {
    ledger,
    leases,
    impatient,
    async stop() {
      await leases.stop();
      impatient.disconnect();
    },
  };
}
