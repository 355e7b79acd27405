import type { Redis } from 'ioredis';
import { createScript } from '../queue/redis.ts';
import { withDeadline } from './deadline.ts';

/**
 * How many of a service's requests may be retries, over the whole fleet: with a hundred calls in the air, a service in
 * trouble must not be sent four hundred requests.
 */
export interface RetryBudget {
  /** A first request was sent. */
  requested(service: string): void;
  /** May one more retry be sent? Counts it when it may. */
  allows(service: string): Promise<boolean>;
}

export interface RetryBudgetOptions {
  redis?: Redis | undefined;
  prefix: string;
  /** Retries to as many first requests, at most. Default 0.2. */
  share?: number | undefined;
  /** Retries in the window that are always free, so that a single call keeps to its schedule. Default 10. */
  floor?: number | undefined;
  /** Milliseconds. Default 60 s. */
  windowMs?: number | undefined;
  /** Unix milliseconds. */
  now?: (() => number) | undefined;
}

const BUCKETS = 6;
/** A frozen Redis must not hold up a call. Milliseconds. */
const PATIENCE_MS = 1_000;
const NEVER = new AbortController().signal;

/**
 * KEYS: hash of a service. ARGV: bucket of now, bucket where the window begins, 'q' a first request | 'r' a retry, share,
 * floor, ms to live. Answers 1 when it may be sent.
 */
const COUNT = `
local requests, retries = 0, 0
local counts = redis.call('HGETALL', KEYS[1])
for index = 1, #counts, 2 do
  if tonumber(string.sub(counts[index], 2)) < tonumber(ARGV[2]) then
    redis.call('HDEL', KEYS[1], counts[index])
  elseif string.sub(counts[index], 1, 1) == 'q' then
    requests = requests + tonumber(counts[index + 1])
  else
    retries = retries + tonumber(counts[index + 1])
  end
end
if ARGV[3] == 'r' and retries + 1 > math.max(tonumber(ARGV[5]), requests * tonumber(ARGV[4])) then return 0 end
redis.call('HINCRBY', KEYS[1], ARGV[3] .. ARGV[1], 1)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
`;

interface Counted {
  at: number;
  kind: 'q' | 'r';
}

export function createRetryBudget(options: RetryBudgetOptions): RetryBudget {
  const { redis, prefix, share = 0.2, floor = 10, windowMs = 60_000, now = Date.now } = options;
  const bucketMs = windowMs / BUCKETS;
  const script = redis && createScript(redis, COUNT);
  const alone = new Map<string, Counted[]>();

  const countAlone = (service: string, kind: 'q' | 'r'): boolean => {
    const recent = (alone.get(service) ?? []).filter(({ at }) => at > now() - windowMs);
    alone.set(service, recent);
    const retries = recent.filter((one) => one.kind === 'r').length;
    if (kind === 'r' && retries + 1 > Math.max(floor, (recent.length - retries) * share)) return false;
    recent.push({ at: now(), kind });
    return true;
  };
  const count = async (service: string, kind: 'q' | 'r'): Promise<boolean> => {
    if (script === undefined || redis?.status !== 'ready') return countAlone(service, kind);
    const bucket = Math.floor(now() / bucketMs);
    const args = [bucket, bucket - BUCKETS + 1, kind, share, floor, windowMs * 2];
    const ask = () => script([`${prefix}:retry-budget:${service}`], args);
    try {
      const onLate = () => new Error('Redis is late');
      return (await withDeadline(ask, { signal: NEVER, deadlineMs: PATIENCE_MS, onLate })) === 1;
    } catch {
      return countAlone(service, kind);
    }
  };
  return {
    requested: (service) => void count(service, 'q'),
    allows: (service) => count(service, 'r'),
  };
}
