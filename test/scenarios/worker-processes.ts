import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess } from '../../src/sandbox/owned-process.ts';
import { COMPILE_CACHE } from '../compile-cache.ts';

const PROJECT = join(import.meta.dirname, '../..');

/** A worker as an operator starts it. */
export interface WorkerProcess {
  log(): Promise<string>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
}

export async function startWorker(role: 'call' | 'health', name: string, settings: Record<string, string>): Promise<WorkerProcess> {
  const logFile = join(settings.DATA_DIR ?? '', `${name}.out`);
  const child = await startProcess({
    command: '/usr/bin/env',
    args: [
      '-i',
      'PATH=/usr/bin:/bin',
      ...assignments({ ...COMPILE_CACHE, ...settings, ARI_APP: name }),
      process.execPath,
      join(PROJECT, `workers/${role}.ts`),
    ],
    logFile,
  });
  return {
    log: () => readFile(logFile, 'utf8').catch(() => ''),
    async kill() {
      if (child.running) process.kill(child.pid, 'SIGKILL');
      await child.ended;
    },
  };
}

/** `npm run breaker -- …`, as on any machine that reaches Redis. */
export function runBreakerCommand(args: string[], settings: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('npm', ['run', '--silent', 'breaker', '--', ...args], {
    cwd: PROJECT,
    env: { ...COMPILE_CACHE, ...settings, PATH, HOME },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes));
  return new Promise((resolve, reject) => child.once('error', reject).once('close', (code) => resolve({ code, output })));
}

function assignments(settings: Record<string, string>): string[] {
  return Object.entries(settings).map(([key, value]) => `${key}=${value}`);
}
