import type { Redis } from 'ioredis';
import { fault } from '../error-classification/classify.ts';
import { createScript } from './redis.ts';

/** Writes that must survive as soon as they are acknowledged: that Redis is killed, and where replicas are counted on, that its machine is lost. */
export interface Durability {
  /** Resolves when what `send` sent, at once and on the connection that it is given, is where it lasts. */
  write<T>(send: (redis: Redis) => Promise<T>): Promise<T>;
  /** The same for a script. */
  script(lua: string): (keys: string[], args: (string | number)[]) => Promise<unknown>;
  /** Rejects while replicas that are counted on are away: nothing that is written now would last. */
  check(): Promise<void>;
  stop(): Promise<void>;
}

/** With `appendfsync always` the acknowledgement says it all. Also for data that may be lost. */
export function createPlainDurability(redis: Redis): Durability {
  return { write: (send) => send(redis), script: (lua) => createScript(redis, lua), check: async () => {}, stop: async () => {} };
}

/** With `appendfsync everysec` Redis syncs once a second; a disk, or a replica, that takes longer than this is one to wait for. Milliseconds. */
const SYNC_MS = 3_000;
/** For replicas that are there a look is enough. Milliseconds. */
const LOOK_MS = 100;

/** Where a write has to be before it counts. */
export interface Copies {
  /** On this server's disk, which doesn't tell so by itself: asked for by WAITAOF (Redis 7.2). */
  disk: boolean;
  /** Asked for by WAIT; with `disk` on their disks, too. */
  replicas: number;
}

/**
 * Waits for the copies after each write. Waiting concerns the writes of its own connection, which it blocks meanwhile, so each
 * write under way has a connection to itself; and nothing is sent again by itself, because a server that has restarted in between would vouch
 * for a write that it has lost. What fails may have been written, and is to be written again.
 * @param redis a connection to the same server, to be copied.
 */
export function createWaiting(redis: Redis, copies: Copies): Durability {
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
      const [answer] = await Promise.all([send(connection), awaitCopies(connection, copies)]);
      return answer;
    } finally {
      idle.push(connection);
    }
  };

  const check = async () => {
    if (copies.replicas === 0) return;
    const connection = idle.pop() ?? open();
    try {
      await awaitCopies(connection, { ...copies, disk: false }, LOOK_MS);
    } finally {
      idle.push(connection);
    }
  };

  return {
    write,
    check,
    // With its text, not its hash: what asks for the text again would be sent after the wait.
    script: (lua) => (keys, args) => write((connection) => connection.eval(lua, keys.length, ...keys, ...args)),
    async stop() {
      for (const connection of all) connection.disconnect();
    },
  };
}

async function awaitCopies(redis: Redis, { disk, replicas }: Copies, ms = SYNC_MS): Promise<void> {
  const [synced, copied] = disk
    ? ((await redis.call('WAITAOF', '1', String(replicas), String(ms))) as [number, number])
    : [1, (await redis.call('WAIT', String(replicas), String(ms))) as number];
  if (synced < 1) throw fault('not-synced', `Redis did not write its append-only file to disk within ${ms} ms`);
  if (copied < replicas) throw fault('not-replicated', `${copied} of ${replicas} replicas had the write within ${ms} ms`);
}

/** Whether this server can be waited for: it knows the command, and syncs its file in time. `key` is written. */
export async function knowsWaitAof(redis: Redis, key: string): Promise<boolean> {
  const waiting = createWaiting(redis, { disk: true, replicas: 0 });
  try {
    await waiting.write((connection) => connection.incr(key));
    return true;
  } catch {
    return false;
  } finally {
    await waiting.stop();
  }
}
