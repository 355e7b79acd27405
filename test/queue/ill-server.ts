import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis } from '../../src/sandbox/redis-server.ts';
import { eventually } from '../eventually.ts';

/** What can be wrong with a Redis that runs. */
export type Illness = 'full' | 'a replica' | 'out of disk' | 'unable to save to its disk' | 'loading' | 'slow' | 'silent';

/** A Redis of a test's own that can be made ill. */
export interface IllServer {
  readonly url: string;
  /** Past what makes the way to it slow or silent. */
  readonly admin: Redis;
  fallIll(illness: Illness): Promise<void>;
  /** How often it has said no so far. */
  refusals(): Promise<number>;
  /** Whatever it was. */
  recover(): Promise<void>;
  stop(): Promise<void>;
}

/** Answers come this late, twice. Milliseconds. */
const SLOW_MS = 3_000;
/** As many values of 2 kB, with 100 ms for each while they are loaded. */
const LOADED_VALUES = 40;

/** Of the disk that can be filled. */
const SMALL_DISK = '4m';

/** In words, why not, where that can't be had. @param smallDisk to be able to run out of it; takes the right to mount one. */
export async function startIllServer({ smallDisk = false } = {}): Promise<IllServer | string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ringfence-ill-'));
  if (smallDisk && !mountSmallDisk(dataDir)) {
    await rm(dataDir, { recursive: true });
    return 'no disk can be mounted here that is small enough to be filled';
  }
  // With `always` a Redis whose disk is full ends itself, and is one that is away.
  const settings = smallDisk ? { appendfsync: 'everysec' } : {};
  // Before version 7 there is no such setting, and DEBUG is for everybody.
  const debug = { 'enable-debug-command': 'local' };
  const server = await startRedis({ dataDir, debianDir: 'data/debian', settings: { ...settings, ...debug } }).catch(() =>
    startRedis({ dataDir, debianDir: 'data/debian', settings }),
  );
  const removeFiles = async () => {
    if (smallDisk) execFileSync('umount', [dataDir]);
    await rm(dataDir, { recursive: true, force: true });
  };
  if (server.kind === 'javascript') {
    await server.stop();
    await removeFiles();
    return 'there is no redis-server here: the one in JavaScript can not be made ill';
  }
  const admin = new Redis(server.url);
  const front = await startFront(Number(new URL(server.url).port));
  const obstacle = join(dataDir, 'redis/dump.rdb');
  const save = async (outcome: 'ok' | 'err') => {
    await admin.bgsave();
    await eventually(async () => {
      if (!(await admin.info('persistence')).includes(`rdb_last_bgsave_status:${outcome}`)) throw new Error('saving');
    });
  };
  let loading: Promise<unknown> = Promise.resolve();
  let mend = async () => {};

  const illnesses: Record<Illness, () => Promise<() => Promise<void>>> = {
    async full() {
      await admin.config('SET', 'maxmemory', '1');
      return async () => void (await admin.config('SET', 'maxmemory', '0'));
    },
    async 'a replica'() {
      await admin.replicaof('127.0.0.1', '1');
      return async () => void (await admin.replicaof('NO', 'ONE'));
    },
    async 'out of disk'() {
      const ballast = join(dataDir, 'ballast');
      await writeFile(ballast, Buffer.alloc(8 * 1024 * 1024)).catch(() => {});
      return () => rm(ballast);
    },
    async 'unable to save to its disk'() {
      await mkdir(obstacle);
      await admin.config('SET', 'save', '3600 1');
      await save('err');
      return async () => {
        await rmdir(obstacle);
        await save('ok');
        await admin.config('SET', 'save', '');
      };
    },
    async loading() {
      await Promise.all(Array.from({ length: LOADED_VALUES }, (_, index) => admin.set(`loaded:${index}`, 'x'.repeat(2_000))));
      await admin.config('SET', 'rdbcompression', 'no');
      await admin.config('SET', 'loading-process-events-interval-bytes', '1024');
      await admin.config('SET', 'key-load-delay', '100000');
      loading = admin.call('DEBUG', 'RELOAD');
      return async () => void (await loading);
    },
    async slow() {
      front.late(SLOW_MS);
      return async () => front.late(0);
    },
    async silent() {
      front.silence();
      return async () => front.heal();
    },
  };

  return {
    url: `redis://127.0.0.1:${front.port}`,
    admin,
    async fallIll(illness) {
      mend = await illnesses[illness]();
    },
    async refusals() {
      const counts = (await admin.info('errorstats')).matchAll(/:count=(\d+)/g);
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    },
    async recover() {
      await mend();
      mend = async () => {};
    },
    async stop() {
      await front.stop();
      await admin.quit();
      await server.stop();
      await removeFiles();
    },
  };
}

function mountSmallDisk(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The way to a Redis. */
async function startFront(port: number) {
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let lateMs = 0;
  let silent = false;
  const carry = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on('data', (bytes) => {
      if (silent) return;
      // Also without delay in its turn, behind what is on its way.
      const timer = setTimeout(() => {
        timers.delete(timer);
        to.write(bytes);
      }, lateMs);
      timers.add(timer);
    });
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    late(ms: number) {
      lateMs = ms;
      // What is on its way would be overtaken.
      if (ms === 0) cut();
    },
    /** Takes everything, answers nothing. */
    silence() {
      silent = true;
    },
    heal() {
      silent = false;
      cut();
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
