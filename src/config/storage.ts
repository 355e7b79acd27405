import { z } from 'zod';
import { parseRedisAddress } from '../redis-address.ts';
import { choice, count, ms, type Settings, text, url, type Values } from './setting.ts';

/** Where the queue and the ledger live, and how long they are kept and waited for. */
export const STORAGE_SETTINGS = {
  REDIS_URL: {
    read: z.string().refine((value) => parseRedisAddress(value) !== undefined),
    help: 'The Redis that holds the queue and the ledger; rediss:// with TLS, redis+sentinel://host:26379,host:26379/master behind Sentinels. Unset: one is started on loopback, in DATA_DIR',
    unit: 'URL',
    expected: 'an address that starts with redis:// or rediss://, or redis+sentinel://host:port,host:port/master',
  },
  REDIS_DISPOSABLE: choice(
    'Accept a Redis that may lose what it has acknowledged: for a demo or a test, never for real calls',
    ['true', 'false'],
    'false',
  ),
  REDIS_REPLICAS: count(
    'How many replicas must have a dial written down before it is made: then a master that is lost with its machine costs nobody a second call',
    0,
    0,
    10,
    'replicas',
  ),
  QUEUE_PREFIX: text('Prefix of every key in Redis, so that several installations can share one', 'text', 'ringfence'),
  DATA_DIR: text('Where recordings, logs and a Redis of our own keep their files', 'folder', 'data'),
  DEBIAN_MIRROR: url(
    "Debian archive that Redis and Asterisk are unpacked from where they are missing. Unset: the one of this machine's package sources",
    ['http:', 'https:'],
  ),
  LEDGER_DAYS: count('How long an ended attempt is remembered, so that the same contact is not called again', 90, 1, 3650, 'days'),
  DRAIN_TIMEOUT: ms('After SIGTERM, how long calls under way may go on before they end with a goodbye', 300_000),
  REDIAL_INTERRUPTED: ms('How long after a call that a fault of ours cut off the contact is called once more', 300_000, 86_400_000),
} as const satisfies Settings;

export interface StorageConfig {
  redisUrl: string | undefined;
  /** May lose what it has acknowledged. */
  redisDisposable: boolean;
  redisReplicas: number;
  queuePrefix: string;
  dataDir: string;
  debianMirror: string | undefined;
  ledgerDays: number;
  drainTimeoutMs: number;
  redialInterruptedMs: number;
}

export function readStorage({ has, string, number }: Values<keyof typeof STORAGE_SETTINGS>): StorageConfig {
  return {
    redisUrl: has('REDIS_URL') ? string('REDIS_URL') : undefined,
    redisDisposable: string('REDIS_DISPOSABLE') === 'true',
    redisReplicas: number('REDIS_REPLICAS'),
    queuePrefix: string('QUEUE_PREFIX'),
    dataDir: string('DATA_DIR'),
    debianMirror: string('DEBIAN_MIRROR') || undefined,
    ledgerDays: number('LEDGER_DAYS'),
    drainTimeoutMs: number('DRAIN_TIMEOUT'),
    redialInterruptedMs: number('REDIAL_INTERRUPTED'),
  };
}
