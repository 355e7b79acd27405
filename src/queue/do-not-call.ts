import type { Redis } from 'ioredis';
import { createPlainDurability, type Durability } from './durability.ts';
import type { Keys } from './keys.ts';
import { untilWritten } from './until-written.ts';

export interface OptOut {
  campaign: string;
  /** Unix milliseconds. */
  at: number;
  /** The attempt in which they asked. */
  attempt?: string | undefined;
}

/** Who asked not to be called again, by any campaign, for ever. */
export interface DoNotCall {
  /** Keeps the first time somebody asked. Waits for a Redis that is away or can't be written. */
  add(phone: string, optOut: OptOut): Promise<void>;
  asked(phone: string): Promise<OptOut | undefined>;
}

/**
 * @param redis a connection whose commands wait until Redis is back: what a callee asked for must not be lost.
 * @param onWait hears, once a time, that it can't be written down yet.
 */
export function createDoNotCall(
  redis: Redis,
  keys: Keys,
  onWait: (error: Error) => void = () => {},
  durability: Durability = createPlainDurability(redis),
): DoNotCall {
  return {
    async add(phone, optOut) {
      await untilWritten(() => durability.write((to) => to.hsetnx(keys.doNotCall, phone, JSON.stringify(optOut))), onWait);
    },
    async asked(phone) {
      const kept = await redis.hget(keys.doNotCall, phone);
      return kept === null ? undefined : (JSON.parse(kept) as OptOut);
    },
  };
}
