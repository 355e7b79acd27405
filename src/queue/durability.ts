import type { Redis } from 'ioredis';
import { fault } from '../error-classification/classify.ts';
import { createScript } from './redis.ts';

/** Writes that must survive Redis' being killed as soon as they are acknowledged. */
export interface Durability {
  /** Resolves when what `send` sent, at once and on the connection that it is given, is on Redis' disk. */
  write<T>(send: (redis: Redis) => Promise<T>): Promise<T>;
  /** The same for a script. */
  script(lua: string): (keys: string[], args: (string | number)[]) => Promise<unknown>;
  stop(): Promise<void>;
}

/** With `appendfsync always` the acknowledgement says it all. Also for data that may be lost. */
export function createPlainDurability(redis: Redis): Durability {
  return { write: (send) => send(redis), script: (lua) => createScript(redis, lua), stop: async () => {} };
}

/** With `appendfsync everysec` Redis syncs once a second; a disk that takes longer than this is one to wait for. Milliseconds. */
const SYNC_MS = 3_000;

/**
 * Waits by WAITAOF (Redis 7.2) after each write. It concerns the writes of its own connection, which it blocks meanwhile, so each
 * write under way has a connection to itself; and nothing is sent again by itself, because a server that has restarted in between would vouch
 * for a write that it has lost. What fails may have been written, and is to be written again.
 * @param redis a connection to the same server, to be copied.
 */
export function createWaitAof(redis: Redis): Durability {
  const idle: Redis[] = [];
  const all: Redis[] = [];

  const open = (): Redis => {
    const connection = redis.duplicate({ maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, socketTimeout: 2 * SYNC_MS });
    // Its failures are those of the main connection, which are logged there.
    connection.on('error', () => {});
    all.push(connection);
    return connection;
  };

  const write = async <T>(send: (redis: Redis) => Promise<T>): Promise<T> => {
    const connection = idle.pop() ?? open();
    try {
      // Both are sent before either is answered: on one socket, to one life of the server.
      const [answer, synced] = await Promise.all([send(connection), waitAof(connection)]);
      if (synced < 1) throw fault('not-synced', `Redis did not write its append-only file to disk within ${SYNC_MS} ms`);
      return answer;
    } finally {
      idle.push(connection);
    }
  };

  return {
    write,
    // With its text, not its hash: what asks for the text again would be sent after the wait.
    script: (lua) => (keys, args) => write((connection) => connection.eval(lua, keys.length, ...keys, ...args)),
    async stop() {
      for (const connection of all) connection.disconnect();
    },
  };
}

/** How many disks have it: this server's own, or none. */
async function waitAof(redis: Redis): Promise<number> {
  const [local] = (await redis.call('WAITAOF', '1', '0', String(SYNC_MS))) as [number, number];
  return local;
}

/** Whether this server can be waited for: it knows the command, and syncs its file in time. `key` is written. */
export async function knowsWaitAof(redis: Redis, key: string): Promise<boolean> {
  const waiting = createWaitAof(redis);
  try {
    await waiting.write((connection) => connection.incr(key));
    return true;
  } catch {
    return false;
  } finally {
    await waiting.stop();
  }
}
