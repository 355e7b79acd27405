import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { COMPILE_CACHE } from '../compile-cache.ts';
import { HEARING, type OneProcess, oneProcess, SPEECH, send, times, unavailable } from './services.ts';

let prefix: string;
let redis: Redis;
let worker: OneProcess | undefined;
beforeEach(() => {
  prefix = `test-${randomUUID()}`;
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
});
afterEach(async () => {
  await worker?.breakers.stop();
  worker = undefined;
  const left = await redis.keys(`${prefix}:*`);
  if (left.length > 0) await redis.del(...left);
  await redis.quit();
});

async function startWorker(): Promise<OneProcess> {
  worker = oneProcess({ dataPlane: async () => Promise.reject(unavailable()) }, { redis, prefix, syncEveryMs: 50 });
  await worker.breakers.start();
  return worker;
}

async function run(args: string[], redisUrl = inject('redisUrl')) {
  const env = { PATH: process.env.PATH, REDIS_URL: redisUrl, QUEUE_PREFIX: prefix, ...COMPILE_CACHE };
  const script = spawn(process.execPath, [resolve('scripts/breaker.ts'), ...args], { cwd: tmpdir(), env });
  const said = { code: null as number | null, out: '', err: '' };
  script.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  script.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  [said.code] = await once(script, 'close');
  return said;
}
const line = (table: string, service: string) => table.split('\n').find((row) => row.includes(service)) ?? '';

it('lists how every breaker stands, with the reason of the open ones', { timeout: 60_000 }, async () => {
  const { breakers } = await startWorker();
  await times(4, () => send(breakers, unavailable()));
  await vi.waitFor(() => expect(breakers.of(SPEECH).scope).toBe('fleet'), { timeout: 10_000 });
  const { code, out } = await run(['list']);
  expect(code).toBe(0);
  expect(line(out, SPEECH)).toMatch(/ open .* 0 .*http-503: ElevenLabs answered 503/);
  expect(line(out, HEARING)).toMatch(/ closed .* ever /);
});

it('opens a breaker of running workers, and closes it again', { timeout: 60_000 }, async () => {
  const { breakers } = await startWorker();
  expect(await run(['open', SPEECH, 'new', 'contract'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('npm run breaker -- close'),
  });
  await vi.waitFor(() => expect(breakers.refusing([SPEECH])).toMatchObject({ reason: 'new contract' }), { timeout: 10_000 });
  expect(line((await run(['list'])).out, SPEECH)).toMatch(/ open .*a human: new contract/);
  expect(await run(['close', SPEECH])).toMatchObject({ code: 0 });
  await vi.waitFor(() => expect(breakers.of(SPEECH).state).toBe('closed'), { timeout: 10_000 });
  expect((await run(['close', SPEECH])).out).toContain('closed already');
});

it('a service that nobody knows is said to be so, with those that are known', async () => {
  await startWorker();
  const { code, err } = await run(['close', 'elevenlab']);
  expect(code).toBe(2);
  expect(err).toContain('"elevenlab"');
  expect(err).toContain(SPEECH);
});

it.each([
  [['shut', SPEECH], /"shut" is none of/],
  [['open'], /Which service/],
  [['--force'], /--force/],
])('%j is answered with what was meant to be', async (args, expected) => {
  const { code, err } = await run(args);
  expect(code).toBe(2);
  expect(err).toMatch(expected);
  expect(err).not.toMatch(/\n\s+at /);
});

it('a Redis that is not there is said in words', async () => {
  const { code, err } = await run(['list'], 'redis://127.0.0.1:1');
  expect(code).toBe(1);
  expect(err).not.toMatch(/\n\s+at /);
  expect(err).toMatch(/Redis/);
});
