import type { Config } from './config.ts';
import { parseRedisAddress } from './redis-address.ts';
import { type RedisServer, startRedis } from './sandbox/redis-server.ts';

/**
 * The configured Redis, else one of our own in the data folder. Whether a master behind Sentinels answers is found out by connecting to it.
 * @throws UserError when a configured server doesn't answer, or none of our own can be started.
 */
export async function openRedisServer(config: Pick<Config, 'redisUrl' | 'dataDir' | 'debianMirror'>): Promise<RedisServer> {
  const { redisUrl, dataDir, debianMirror: mirror } = config;
  if (redisUrl !== undefined && parseRedisAddress(redisUrl)?.kind === 'sentinel')
    return { url: redisUrl, kind: 'configured', stop: async () => {} };
  return startRedis({ redisUrl, dataDir, mirror });
}
