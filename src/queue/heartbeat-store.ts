import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Heartbeat, WorkerSighting } from '../heartbeat/heartbeat.ts';
import type { Keys } from './keys.ts';

/** Five heartbeats may fail to arrive before a worker counts as lost; its calls have been taken over by then. */
const HEARTBEAT_LIVES_MS = 10_000;

/** How long a worker that went without a word is still shown: long enough for a human who was sent a message to look. */
const LOST_SHOWN_MS = 5 * 60_000;

const heartbeatSchema = z.object({
  name: z.string(),
  roles: z.array(z.string()),
  startedAt: z.number(),
  draining: z.boolean(),
  ari: z
    .object({
      state: z.enum(['connecting', 'connected', 'lost', 'replaced', 'closed']),
      since: z.number(),
      lastHeardAt: z.number().optional(),
    })
    .transform(({ lastHeardAt, ...rest }) => ({ ...rest, lastHeardAt }))
    .optional(),
  audiosocket: z.enum(['listening', 'stale', 'disabled']),
  activeCalls: z.number(),
  services: z.array(
    z.object({
      service: z.string(),
      state: z.enum(['closed', 'open', 'half-open']),
      since: z.number().optional(),
      lastError: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
});

/** Heartbeats in Redis: a key a worker, which Redis drops by its own clock, and a list of who has been there. */
export interface HeartbeatStore {
  beat(id: string, heartbeat: Heartbeat): Promise<void>;
  /** An orderly end: the worker is not missed. */
  leave(id: string): Promise<void>;
  /** In the order of their ids. */
  read(): Promise<WorkerSighting[]>;
}

/** On a connection whose commands fail when Redis is silent; one that waits for ever would wait here for ever. */
export function createHeartbeatStore(redis: Redis, keys: Keys): HeartbeatStore {
  return {
    async beat(id, heartbeat) {
      const now = Date.now();
      await redis
        .multi()
        .set(keys.heartbeat(id), JSON.stringify(heartbeat), 'PX', HEARTBEAT_LIVES_MS)
        .zadd(keys.heartbeats, now, id)
        .zremrangebyscore(keys.heartbeats, '-inf', now - LOST_SHOWN_MS)
        .exec();
    },
    async leave(id) {
      await redis.multi().del(keys.heartbeat(id)).zrem(keys.heartbeats, id).exec();
    },
    async read() {
      const seen = await redis.zrangebyscore(keys.heartbeats, Date.now() - LOST_SHOWN_MS, '+inf', 'WITHSCORES');
      const ids = seen.filter((_, index) => index % 2 === 0);
      const texts = ids.length === 0 ? [] : await redis.mget(ids.map((id) => keys.heartbeat(id)));
      return ids.map((id, index) => sighting(id, texts[index] ?? null, Number(seen[index * 2 + 1]))).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
  };
}

function sighting(id: string, text: string | null, lastSeenAt: number): WorkerSighting {
  const heartbeat = text === null ? undefined : readHeartbeat(text);
  return heartbeat === undefined ? { kind: 'lost', id, lastSeenAt } : { kind: 'live', id, heartbeat };
}

/** Undefined for what another version of Ringfence may have written: a worker that can't be understood can't be counted on. */
function readHeartbeat(text: string): Heartbeat | undefined {
  try {
    const { data } = heartbeatSchema.safeParse(JSON.parse(text));
    return data === undefined ? undefined : { ...data, ari: data.ari };
  } catch {
    return undefined;
  }
}
