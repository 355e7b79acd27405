import type { Redis } from 'ioredis';
import type { Alerts } from './alerts/alerts.ts';
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import type { Durability } from './queue/durability.ts';
import type { Keys } from './queue/keys.ts';
import type { Fences } from './wire-breakers.ts';
import type { RawServices } from './wire-clients.ts';
import type { Health } from './wire-health.ts';
import type { Sheets } from './wire-sheets.ts';

/** What every process has, whatever it does; and what is to be stopped at its end, in reverse. */
export interface ProcessParts {
  config: Config;
  log: Logger;
  redis: Redis;
  keys: Keys;
  /** For writes that must survive Redis' being killed. */
  durability: Durability;
  /** The services it has keys for, and their ring fences. */
  raw: RawServices;
  fences: Fences;
  alerts: Alerts;
  health: Health;
  /** Undefined where no spreadsheet is configured. */
  sheets: Sheets | undefined;
  /** To be called right after something was started. */
  onStop(name: string, stop: () => Promise<unknown>): void;
}
