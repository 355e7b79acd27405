import { createHash } from 'node:crypto';
import { type CommonRedisOptions, Redis, type SentinelConnectionOptions } from 'ioredis';
import { UserError } from '../errors.ts';
import { parseRedisAddress, redisHosts } from '../redis-address.ts';

/**
 * A connection that outlives outages: commands wait until Redis is back.
 * @param onError hears of every failed connection attempt; without a listener ioredis writes to the console itself.
 */
export function connectRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = openRedis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: (attempts) => Math.min(attempts * 100, 2_000),
    // A connection that a firewall swallowed would keep its commands waiting for a quarter of an hour. Longer than BullMQ waits for a job.
    socketTimeout: SOCKET_TIMEOUT_MS,
    // A master that became a replica: the new one is found by connecting again, and what it refused is sent there.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  });
  redis.on('error', onError);
  return redis;
}

/** Of an unanswered command. Milliseconds. */
const SOCKET_TIMEOUT_MS = 20_000;

type Options = Omit<CommonRedisOptions & Pick<SentinelConnectionOptions, 'sentinelRetryStrategy'>, 'replyMapping'>;

function openRedis(address: string, options: Options): Redis {
  const parsed = parseRedisAddress(address);
  if (parsed === undefined) throw new UserError(`REDIS_URL can't be read (${redisHosts(address)}).`);
  if (parsed.kind === 'server') return new Redis(parsed.url, options);
  const { sentinels, master, username, password, db, tls } = parsed;
  const account = { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) };
  const encrypted = tls ? { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true } : {};
  return new Redis({ ...options, ...account, ...encrypted, sentinels, name: master, db });
}

/**
 * A second connection to the same Redis, whose commands fail within 2 s instead of waiting: for whoever must say that Redis is away.
 * Silence for 4 s ends a half-open connection, so that it finds Redis again before TCP would.
 */
export function connectImpatiently(redis: Redis, onError: (error: Error) => void): Redis {
  const impatient = redis.duplicate({
    commandTimeout: 2_000,
    socketTimeout: 4_000,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    // A new master is found by connecting again; the error is told all the same.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  });
  impatient.on('error', onError);
  return impatient;
}

/**
 * A connection for a script that a human waits for: it works now or says at once that it doesn't.
 * @throws UserError when Redis can't be reached.
 */
export async function connectRedisNow(url: string): Promise<Redis> {
  const redis = openRedis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: null,
    sentinelRetryStrategy: () => null,
    connectTimeout: 5_000,
  });
  let reason = 'no answer';
  redis.on('error', (error) => {
    reason = error.message || (error as NodeJS.ErrnoException).code || reason;
  });
  try {
    await redis.connect();
    await redis.ping();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw new UserError(
      `Redis at ${redisHosts(url)} can't be reached (${error instanceof Error && error.message !== 'Connection is closed.' ? error.message : reason}). ` +
        'Nothing was written. Start Redis or correct REDIS_URL, then run the same command again: nothing is added twice.',
      { cause: error },
    );
  }
}

/** Runs a Lua script by its hash, sending the text only when Redis doesn't know it (after a restart, say). */
export function createScript(redis: Redis, lua: string): (keys: string[], args: (string | number)[]) => Promise<unknown> {
  const sha = createHash('sha1').update(lua).digest('hex');
  return async (keys, args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
}
