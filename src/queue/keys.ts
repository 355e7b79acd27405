import { createHash } from 'node:crypto';

/** Names of everything in Redis. `prefix` keeps installations (and tests) apart; BullMQ's queues live below the same prefix. */
export interface Keys {
  prefix: string;
  attempt(id: string): string;
  campaign(name: string): string;
  /** Sorted set of attempts that have not ended, by the time of their last change. */
  open: string;
  /** List of JSON entries that `end` wrote and the relay has not yet made jobs of. */
  outbox: string;
  installation: string;
}

export function createKeys(prefix: string): Keys {
  return {
    prefix,
    attempt: (id) => `${prefix}:attempt:${id}`,
    campaign: (name) => `${prefix}:campaign:${name}`,
    open: `${prefix}:open`,
    outbox: `${prefix}:outbox`,
    installation: `${prefix}:installation`,
  };
}

/**
 * The id of one dial of one contact of one campaign: the same file enqueued twice mints the same ids.
 * A hash, because ids stand in channel names and logs, where no phone number may stand. The letter in front keeps it
 * from looking like a number, which BullMQ refuses as a job id.
 */
export function attemptId(campaign: string, phone: string, attempt: number): string {
  return `a${createHash('sha256').update(`${campaign}\n${phone}\n${attempt}`).digest('hex').slice(0, 24)}`;
}
