import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';

/** From util-linux, on every Debian: has the kernel signal the child when its parent dies, however that happens. */
const SETPRIV = '/usr/bin/setpriv';

export interface OwnedProcess {
  readonly pid: number;
  /** Resolves once, with words for a human: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  readonly running: boolean;
  /** SIGTERM, then SIGKILL after `patienceMs`. Resolves when the process is gone. */
  stop(patienceMs: number): Promise<void>;
}

export interface OwnedProcessOptions {
  command: string;
  args: string[];
  cwd?: string;
  /** Standard output and error go here. */
  logFile: string;
  /** True: it outlives us, to be stopped by its pid later. False: it dies with us. */
  detached?: boolean;
}

/** Starts a server program that belongs to us. Resolves when it runs (not when it is ready); rejects when it can't be started. */
export async function startProcess(options: OwnedProcessOptions): Promise<OwnedProcess> {
  const detached = options.detached ?? false;
  const tie = !detached && existsSync(SETPRIV);
  const log = openSync(options.logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn(tie ? SETPRIV : options.command, tie ? ['--pdeathsig', 'TERM', options.command, ...options.args] : options.args, {
      stdio: ['ignore', log, log],
      detached,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
  } finally {
    closeSync(log);
  }
  if (detached) child.unref();
  return ownedProcess(child, detached);
}

function ownedProcess(child: ChildProcess, detached: boolean): OwnedProcess {
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  // Where setpriv is missing, an ordinary exit of ours still takes the child along.
  const onExit = () => void child.kill('SIGTERM');
  if (!detached) process.once('exit', onExit);
  void ended.then(() => process.removeListener('exit', onExit));
  return {
    pid: child.pid ?? 0,
    ended,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    async stop(patienceMs) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
