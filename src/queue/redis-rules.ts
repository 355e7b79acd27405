import type { Redis } from 'ioredis';
import { UserError } from '../errors.ts';
import { createPlainDurability, createWaiting, type Durability, knowsWaitAof } from './durability.ts';
import type { Keys } from './keys.ts';

interface Rule {
  setting: 'appendonly' | 'appendfsync' | 'maxmemory-policy';
  needed: string;
  /** What would happen otherwise. */
  why: string;
}

const RULES: readonly Rule[] = [
  { setting: 'appendonly', needed: 'yes', why: 'a restart would forget who has been called, and call them again' },
  {
    setting: 'appendfsync',
    needed: 'always',
    why: 'up to a second of what was acknowledged is lost when it is killed, and one lost word is a second call to somebody',
  },
  { setting: 'maxmemory-policy', needed: 'noeviction', why: 'a full Redis would drop contacts to make room' },
];

/**
 * How writes to this Redis are made to last: by its settings, or, where it syncs once a second or doesn't tell, by waiting for its disk. And by waiting for replicas.
 * @param replicas that must have a write before it counts; they needn't be there yet.
 * @throws UserError that names every setting by which it may lose what it has acknowledged, and how to mend it.
 */
export async function openDurability(redis: Redis, keys: Keys, where: string, replicas = 0): Promise<Durability> {
  const found = await Promise.all(RULES.map(async (rule) => ({ ...rule, is: await readSetting(redis, rule.setting) })));
  const broken = found.filter(({ is, needed }) => is !== needed);
  if (broken.length === 0) return replicas === 0 ? createPlainDurability(redis) : createWaiting(redis, { disk: false, replicas });
  if (broken.every(({ setting }) => setting === 'appendfsync') && (await knowsWaitAof(redis, keys.durability)))
    return createWaiting(redis, { disk: true, replicas });
  const lines = broken.map(
    ({ setting, needed, why, is }) => `  - ${setting} is ${is ?? 'not to be found out'}; needed: ${needed}, because else ${why}.`,
  );
  if (broken.some(({ setting }) => setting === 'appendfsync'))
    lines.push(
      '  With appendfsync everysec a Redis of version 7.2 or newer will do: each dial then waits for its disk. This one did not let itself be waited for (WAITAOF).',
    );
  const commands = broken.map(({ setting, needed }) => `redis-cli config set ${setting} ${needed}`).join(' && ');
  throw new UserError(
    `The Redis at ${where} may lose what it has acknowledged, so no calls are placed with it:\n${lines.join('\n')}\n` +
      `Set it in redis.conf, or while it runs: ${commands} && redis-cli config rewrite. Where the data may be lost (a demo, a test): REDIS_DISPOSABLE=true.`,
  );
}
/** Hosted Redis may forbid CONFIG; INFO tells two of the three then. */
async function readSetting(redis: Redis, setting: Rule['setting']): Promise<string | undefined> {
  try {
    const [, value] = (await redis.config('GET', setting)) as string[];
    if (value !== undefined) return value;
  } catch {
    // Forbidden, or unknown to this server.
  }
  const info = await redis.info().catch(() => '');
  const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  if (setting === 'appendonly') return { '1': 'yes', '0': 'no' }[field('aof_enabled') ?? ''];
  return setting === 'maxmemory-policy' ? field('maxmemory_policy') : undefined;
}
