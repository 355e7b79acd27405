import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { UserError } from '../errors.ts';

export interface RunOptions {
  env?: Record<string, string>;
  /** Called for each line that the tool writes to descriptor 3. */
  onStatus?: (line: string) => void;
  signal: AbortSignal | undefined;
  failure: string;
  advice: string;
}

/** Runs one of Debian's package tools and returns what it printed. Throws a UserError with its complaint and the advice. */
export async function run(command: string, args: string[], { env, onStatus, signal, failure, advice }: RunOptions): Promise<string> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', onStatus === undefined ? 'ignore' : 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...env },
    ...(signal ? { signal } : {}),
  });
  let output = '';
  let complaint = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const status = child.stdio[3] as Readable | null;
  if (onStatus !== undefined && status !== null) createInterface({ input: status }).on('line', onStatus);
  const code = await new Promise<number | null>((settle, reject) => child.once('error', reject).once('close', settle));
  if (code === 0) return output;
  const why = complaint.trim().split('\n').slice(0, 3).join(' ') || `${command} ended with code ${code}`;
  throw new UserError(`${failure}: ${why}\n${advice}`.trim());
}
