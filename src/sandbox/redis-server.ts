import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { UserError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { type DebianTree, type UnpackProgress, unpackDebian } from './debian-packages.ts';
import { freePort } from './free-port.ts';
import { isAlive, withLock } from './lock-file.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';

/** A Redis that reads a long append-only file answers LOADING meanwhile. */
const READY_TIMEOUT_MS = 30_000;
/** On SIGTERM Redis flushes its file and goes; a slow disk may take its time. */
const STOP_TIMEOUT_MS = 10_000;
/** Somebody else may take the port between our finding it free and Redis binding it. */
const PORT_TRIES = 3;

export interface RedisServer {
  readonly url: string;
  /** Where it came from: `REDIS_URL`, a program on the PATH, Debian's package, or the pure-JavaScript server. */
  readonly kind: 'configured' | 'path' | 'debian' | 'javascript';
  /** Something the user should know, in a sentence. */
  readonly note?: string;
  /** Stops it if it is ours; otherwise leaves it alone. Idempotent. */
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** The user's own Redis. Then nothing is started. */
  redisUrl?: string | undefined;
  /** The server's files go to `<dataDir>/redis`. */
  dataDir: string;
  /** Where unpacked Debian packages are kept. Default `<dataDir>/debian`. */
  debianDir?: string | undefined;
  /** Every acknowledged write is on disk (append-only file, fsync always). Default true; false keeps nothing. */
  durable?: boolean | undefined;
  /** More lines of redis.conf. */
  settings?: Readonly<Record<string, string>> | undefined;
  /** Address of a Debian mirror; by default the one that this machine's apt uses. */
  mirror?: string | undefined;
  /** May be called when Debian's package has to be fetched first. */
  onProgress?: ((progress: UnpackProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

type Program = { kind: 'path' | 'debian'; command: string; args: string[] };

/**
 * Gives a Redis that answers: the configured one, else one of our own on a free loopback port, which dies with this process.
 * When another process has one running on the same `dataDir`, that one is shared.
 */
export async function startRedis(options: RedisServerOptions): Promise<RedisServer> {
  if (options.redisUrl !== undefined) return configuredRedis(options.redisUrl);
  const dir = resolve(options.dataDir, 'redis');
  await mkdir(dir, { recursive: true });
  return withLock(
    join(dir, 'start.lock'),
    async () => {
      const shared = await runningRedis(dir);
      if (shared !== undefined) return shared;
      const program = await findProgram(options);
      return 'note' in program ? javascriptRedis(program.note) : spawnRedis(program, dir, options);
    },
    options.signal,
  );
}

async function configuredRedis(url: string): Promise<RedisServer> {
  const failure = await pingFailure(url);
  if (failure !== undefined) {
    // The address may hold a password: only the host is shown.
    throw new UserError(
      `The Redis of REDIS_URL (${hostOf(url)}) doesn't answer: ${failure}. Start it, or unset REDIS_URL to have one started.`,
    );
  }
  return { url, kind: 'configured', stop: async () => {} };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'not a valid address';
}

/** One that another process of ours started and that still lives. */
async function runningRedis(dir: string): Promise<RedisServer | undefined> {
  const text = await readFile(join(dir, 'running.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { pid, owner, url, kind } = JSON.parse(text) as { pid: number; owner: number; url: string; kind: 'path' | 'debian' };
  if (!isAlive(pid) || (await pingFailure(url)) !== undefined) return undefined;
  const note = `Shares the Redis that process ${owner} started at ${url}; it stops when that process stops.`;
  return { url, kind, note, stop: async () => {} };
}

async function findProgram(options: RedisServerOptions): Promise<Program | { note: string }> {
  for (const command of ['redis-server', 'valkey-server']) {
    if (await isOnPath(command)) return { kind: 'path', command, args: [] };
  }
  try {
    const tree = await unpackDebian({
      packages: ['redis-server'],
      suite: 'host',
      dir: join(options.debianDir ?? join(options.dataDir, 'debian'), 'redis'),
      mirror: options.mirror,
      onProgress: options.onProgress,
      signal: options.signal,
    });
    return { kind: 'debian', ...programOf(tree) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return {
      note:
        'No redis-server here: the pure-JavaScript one is used, which keeps nothing when it stops and is slow. ' +
        `Install Redis (or set REDIS_URL) for real work. Debian's package was no help: ${error.message}`,
    };
  }
}

async function isOnPath(command: string): Promise<boolean> {
  const probe = spawn(command, ['--version'], { stdio: 'ignore' });
  return new Promise((settle) => probe.once('error', () => settle(false)).once('close', (code) => settle(code === 0)));
}

function programOf(tree: DebianTree): { command: string; args: string[] } {
  return tree.run('usr/bin/redis-server', []);
}

async function javascriptRedis(note: string): Promise<RedisServer> {
  // Loaded only where it's needed: it is large.
  const { createRedisMock } = await import('js-redis-server');
  const port = await freePort();
  const server = await createRedisMock({ port });
  return { url: `redis://127.0.0.1:${port}`, kind: 'javascript', note, stop: () => server.close() };
}

async function spawnRedis(program: Program, dir: string, options: RedisServerOptions): Promise<RedisServer> {
  const logFile = join(dir, 'redis.log');
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}`;
    const child = await startProcess({
      command: program.command,
      args: [...program.args, ...serverSettings(port, dir, options)],
      logFile,
    });
    if (await becomesReady(child, url, options.signal)) {
      const running = join(dir, 'running.json');
      await writeFile(running, JSON.stringify({ pid: child.pid, owner: process.pid, url, kind: program.kind }));
      const stop = async () => {
        if (!child.running) return;
        await child.stop(STOP_TIMEOUT_MS);
        await rm(running, { force: true });
      };
      return { url, kind: program.kind, stop };
    }
    await child.stop(STOP_TIMEOUT_MS);
    options.signal?.throwIfAborted();
    if (attempt === PORT_TRIES) throw new UserError(`Redis (${program.command}) doesn't start. Its last words are in ${logFile}.`);
  }
}

function serverSettings(port: number, dir: string, { durable = true, settings: more = {} }: RedisServerOptions): string[] {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    // No snapshots: the append-only file alone says what is true.
    save: '',
    appendonly: durable ? 'yes' : 'no',
    appendfsync: 'always',
    // A queue must never lose keys to make room.
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    ...more,
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function becomesReady(child: OwnedProcess, url: string, signal: AbortSignal | undefined): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (child.running && Date.now() < deadline && signal?.aborted !== true) {
    if ((await pingFailure(url)) === undefined) return true;
    await sleep(25);
  }
  return false;
}

/** Why the Redis at `url` doesn't answer PING; undefined when it does. */
async function pingFailure(url: string): Promise<string | undefined> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let reason = '';
  redis.on('error', (error: NodeJS.ErrnoException) => {
    reason = error.code ?? error.message;
  });
  try {
    await redis.connect();
    await redis.ping();
    return undefined;
  } catch (error) {
    return reason || (error instanceof Error ? error.message : String(error));
  } finally {
    redis.disconnect();
  }
}
