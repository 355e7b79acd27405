import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** Who asked not to be called again, by any campaign, for ever. */
export interface DoNotCall {
  /** Keeps the first time somebody asked. Waits for a Redis that is away. */
  add(phone: string, asked: { campaign: string; at: number }): Promise<void>;
  /** When they asked. Unix milliseconds. */
  askedAt(phone: string): Promise<number | undefined>;
}

/** @param redis a connection whose commands wait until Redis is back: what a callee asked for must not be lost. */
export function createDoNotCall(redis: Redis, keys: Keys): DoNotCall {
  return {
    async add(phone, asked) {
      await redis.hsetnx(keys.doNotCall, phone, JSON.stringify(asked));
    },
    async askedAt(phone) {
      const asked = await redis.hget(keys.doNotCall, phone);
      return asked === null ? undefined : (JSON.parse(asked) as { at: number }).at;
    },
  };
}
