import { createHash } from 'node:crypto';

/** Names of everything in Redis. `prefix` keeps installations (and tests) apart; BullMQ's queues live below the same prefix. */
export interface Keys {
  prefix: string;
  attempt(id: string): string;
  campaign(name: string): string;
  /** Set of the names of all campaigns. */
  campaigns: string;
  /** Sorted set of attempts that have not ended, by the time of their last change. */
  open: string;
  /** Sorted set of attempts whose jobs may not exist yet, by the time of their enqueue: those whose producer died in between stay in it. */
  jobless: string;
  /** Up to which of BullMQ's events removals have been looked for. */
  removalsSeen: string;
  /** List of JSON entries that `end` wrote and the relay has not yet made jobs of. */
  outbox: string;
  /** Who works on this attempt: there for as long as that worker renews it. */
  lease(id: string): string;
  /** Since when workers have renewed without a pause. */
  pulse: string;
  /** Hash: the number that is being called, hashed, to the attempt that calls it. */
  reservations: string;
  /** Hash of phones that asked not to be called again. */
  doNotCall: string;
  /** List of attempts that `end` minted and that have no job yet. */
  minted: string;
  /** Whose turn it is to sweep this. */
  sweeping(what: string): string;
  installation: string;
  /** A counter that is written to find out whether writes last. */
  durability: string;
  /** What a worker process says of itself; ends by itself. */
  heartbeat(id: string): string;
  /** Sorted set of worker processes, by the time of their last heartbeat. */
  heartbeats: string;
}

export function createKeys(prefix: string): Keys {
  return {
    prefix,
    attempt: (id) => `${prefix}:attempt:${id}`,
    campaign: (name) => `${prefix}:campaign:${name}`,
    campaigns: `${prefix}:campaigns`,
    open: `${prefix}:open`,
    jobless: `${prefix}:jobless`,
    removalsSeen: `${prefix}:removals-seen`,
    outbox: `${prefix}:outbox`,
    lease: (id) => `${prefix}:lease:${id}`,
    pulse: `${prefix}:pulse`,
    reservations: `${prefix}:reservations`,
    doNotCall: `${prefix}:do-not-call`,
    minted: `${prefix}:minted`,
    sweeping: (what) => `${prefix}:sweeping:${what}`,
    durability: `${prefix}:durability`,
    installation: `${prefix}:installation`,
    heartbeat: (id) => `${prefix}:heartbeat:${id}`,
    heartbeats: `${prefix}:heartbeats`,
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

/** Stands for a phone number where numbers may not stand. Not secret: there are few enough numbers to try them all. */
export function phoneHash(phone: string): string {
  return createHash('sha256').update(phone).digest('hex').slice(0, 24);
}
