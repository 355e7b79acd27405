import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { BreakerChange, BreakerScope, BreakerState } from '../../src/resilience/breaker.ts';

export interface Answer {
  results: string[];
  state: BreakerState;
  scope: BreakerScope;
  since: number;
}

export interface ChildBreakers {
  changes: BreakerChange[];
  pid: number;
  ask(order?: { send?: number }): Promise<Answer>;
  kill(): Promise<void>;
}

export interface ChildOptions {
  redisUrl: string;
  prefix: string;
  serviceUrl: string;
  probes: 'probes' | 'none';
  /** Of a request; a trial's lease ends two seconds after it. Milliseconds. */
  deadlineMs: number;
}

/** Starts a process with breakers of its own and waits until it knows the state of the fleet. */
export async function startChild({ redisUrl, prefix, serviceUrl, probes, deadlineMs }: ChildOptions): Promise<ChildBreakers> {
  const args = [redisUrl, prefix, serviceUrl, probes, String(deadlineMs)];
  const child = fork(join(import.meta.dirname, 'one-process.ts'), args, { execArgv: [] });
  const changes: BreakerChange[] = [];
  const waiting = new Map<number, (answer: Answer) => void>();
  const ready = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)));
    child.on('message', (message: { ready?: true; change?: BreakerChange; id?: number } & Answer) => {
      if (message.ready) resolve();
      if (message.change !== undefined) changes.push(message.change);
      if (message.id !== undefined) waiting.get(message.id)?.(message);
    });
  });
  await ready;
  let asked = 0;
  return {
    changes,
    pid: child.pid ?? 0,
    ask(order = {}) {
      const id = ++asked;
      const answer = new Promise<Answer>((resolve) => waiting.set(id, resolve));
      child.send({ id, ...order });
      return answer;
    },
    kill: () => killed(child),
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

export interface CountedService {
  url: string;
  answer: 'well' | 'unavailable' | 'hangs';
  /** Of each path, in the order they came. */
  seen: { path: string; at: number }[];
  /** The most that were under way at the same time. */
  mostAtOnce: number;
  stop(): Promise<void>;
}

/** A service that counts what reaches it. Each answer takes `takesMs`, so that requests at the same time are seen. */
export async function startCountedService(takesMs: number): Promise<CountedService> {
  let underWay = 0;
  const server = createServer((request, response) => {
    underWay += 1;
    service.mostAtOnce = Math.max(service.mostAtOnce, underWay);
    service.seen.push({ path: request.url ?? '', at: performance.now() });
    response.once('close', () => {
      underWay -= 1;
    });
    const { answer } = service;
    if (answer === 'hangs') return;
    setTimeout(() => response.writeHead(answer === 'well' ? 200 : 503, { connection: 'close' }).end('ok'), takesMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const service: CountedService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: 'well',
    seen: [],
    mostAtOnce: 0,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return service;
}
