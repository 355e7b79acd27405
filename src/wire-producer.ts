import type { Campaign } from './call/campaign.ts';
import type { ContactSink } from './call/contact-sink.ts';
import type { Config } from './config.ts';
import { UserError } from './errors.ts';
import { createContactSink } from './queue/contact-sink.ts';
import { createPlainDurability } from './queue/durability.ts';
import { createKeys } from './queue/keys.ts';
import { connectRedisNow } from './queue/redis.ts';
import { openDurability } from './queue/redis-rules.ts';
import { redisHosts } from './redis-address.ts';
import { openRedisServer } from './wire-redis.ts';

/**
 * Opens the queue for a script: the configured Redis, else the one in the data folder, which is started when it doesn't run.
 * @throws UserError when Redis can't be reached; nothing has been written then.
 */
export async function openContactSink(config: Config, campaign: Campaign): Promise<ContactSink> {
  const server = await openRedisServer(config);
  if (server.kind === 'javascript') {
    await server.stop();
    throw new UserError(`Nothing was enqueued: it would be lost with this process. ${server.note ?? ''}`.trim());
  }
  try {
    const redis = await connectRedisNow(server.url);
    const keys = createKeys(config.queuePrefix);
    const durability = config.redisDisposable
      ? createPlainDurability(redis)
      : await openDurability(redis, keys, redisHosts(server.url), config.redisReplicas);
    const sink = createContactSink(redis, keys, campaign, durability);
    return {
      add: sink.add,
      async close() {
        await sink.close();
        await durability.stop();
        await redis.quit();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
