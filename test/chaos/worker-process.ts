import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '../../src/sandbox/owned-process.ts';
import { sleep } from '../../src/sleep.ts';

const ENTRY = join(import.meta.dirname, 'worker.ts');
const BROKEN = join(import.meta.dirname, 'broken/register.ts');
/** Starting hundreds of workers, most of the time would go into reading the same source again. */
const COMPILE_CACHE = join(tmpdir(), 'ringfence-chaos-compiled');
/** Each, and each Redis, waits for our exit. */
const MOST_PROCESSES = 200;
/** Loading the SDKs takes 1.5 s on an idle machine; on one with twenty processes waiting for each core a minute was seen. */
const START_MS = 180_000;

/** A worker in a process of its own. Signals are all that is done to it. */
export interface WorkerProcess {
  readonly name: string;
  readonly running: boolean;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP; nothing in it moves until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Resolves when it takes calls. */
  ready(): Promise<void>;
  log(): Promise<string>;
}

export interface WorkerProcessOptions {
  name: string;
  roles: readonly string[];
  settings: Record<string, string>;
  logFile: string;
  /** A mechanism that is taken out of this worker. */
  broken?: string | undefined;
}

export async function startWorkerProcess({ name, roles, settings, logFile, broken }: WorkerProcessOptions): Promise<WorkerProcess> {
  const environment = {
    PATH: '/usr/bin:/bin',
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    ...settings,
    ...(broken === undefined ? {} : { CHAOS_BROKEN: broken }),
  };
  const node = ['-i', ...Object.entries(environment).map(([key, value]) => `${key}=${value}`), process.execPath];
  const child = await startProcess({
    command: '/usr/bin/env',
    args: [...node, ...(broken === undefined ? [] : ['--import', BROKEN]), ENTRY, ...roles],
    logFile,
  });
  const signal = (what: NodeJS.Signals) => {
    if (child.running) process.kill(child.pid, what);
  };
  // A frozen process would outlive us: it doesn't hear SIGTERM.
  const onExit = () => signal('SIGKILL');
  process.setMaxListeners(Math.max(process.getMaxListeners(), MOST_PROCESSES));
  process.once('exit', onExit);
  void child.ended.then(() => process.removeListener('exit', onExit));
  const log = () => readFile(logFile, 'utf8').catch(() => '');
  return {
    name,
    get running() {
      return child.running;
    },
    async kill() {
      signal('SIGKILL');
      await child.ended;
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async ready() {
      const giveUpAt = Date.now() + START_MS;
      while (!(await log()).includes('call worker started')) {
        if (!child.running || Date.now() > giveUpAt) throw new Error(`Worker ${name} does not start:\n${(await log()).slice(-2_000)}`);
        await sleep(50);
      }
    },
    log,
  };
}
