import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJobData } from '../call/call-job.ts';
import type { CallJobResult } from './call-queue.ts';
import { createScript } from './redis.ts';

export interface ParkRequest {
  /** Also the name of its jobs. */
  campaign: string;
  /** When the first of them is looked at; each further one `stepMs` later. Unix milliseconds. */
  firstAt: number;
  stepMs: number;
  /** For each job's own log. */
  line: string;
}

/** Parks contacts of a campaign that wait at the head of the queue, without anybody looking at them one by one. @returns their attempts. */
export type ParkWaiting = (request: ParkRequest) => Promise<string[]>;

/** One script's worth: a few milliseconds of Redis' time. */
const WINDOW = 250;

/**
 * KEYS: BullMQ's waiting list, delayed set, marker, events. ARGV: prefix of jobs, campaign, window, now, first time, ms between two, log line.
 * Moves the campaign's jobs among the next `window` to the delayed ones, as BullMQ's own moveToDelayed leaves a job; the others keep their
 * order. A job that a worker has taken isn't in the list any more, so nobody's job is moved. Answers the ids.
 */
const PARK_WAITING = `
local ids = redis.call('LRANGE', KEYS[1], -ARGV[3], -1)
local kept, parked = {}, {}
-- The next one to be taken stands last.
for i = #ids, 1, -1 do
  local job = ARGV[1] .. ids[i]
  if redis.call('HGET', job, 'name') == ARGV[2] then
    local at = math.floor(ARGV[5] + #parked * ARGV[6])
    redis.call('ZADD', KEYS[2], at * 0x1000, ids[i])
    redis.call('HSET', job, 'delay', at - ARGV[4])
    redis.call('RPUSH', job .. ':logs', ARGV[7])
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'event', 'delayed', 'jobId', ids[i], 'delay', at)
    parked[#parked + 1] = ids[i]
  else
    table.insert(kept, 1, ids[i])
  end
end
if #parked == 0 then return parked end
redis.call('LTRIM', KEYS[1], 0, -(#ids + 1))
for _, id in ipairs(kept) do redis.call('RPUSH', KEYS[1], id) end
local soonest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[3], soonest[2] / 0x1000, '1')
return parked
`;

/** BullMQ has no such step: of what it offers, only a look at each job in a worker's slot, thousands of them before the next campaign's turn. */
export function createParkWaiting(redis: Redis, queue: Pick<Queue<CallJobData, CallJobResult>, 'toKey'>): ParkWaiting {
  const park = createScript(redis, PARK_WAITING);
  const keys = ['wait', 'delayed', 'marker', 'events'].map((name) => queue.toKey(name));
  return async ({ campaign, firstAt, stepMs, line }) =>
    (await park(keys, [queue.toKey(''), campaign, WINDOW, Date.now(), firstAt, stepMs, `${new Date().toISOString()} ${line}`])) as string[];
}
