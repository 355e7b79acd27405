import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startRedis } from '../src/sandbox/redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** One Redis serves the whole run: give your queues and keys unique prefixes. */
    redisUrl: string;
  }
}

/** Starts one Redis for the run; `inject('redisUrl')` in a test says where. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ringfence-test-'));
  const redis = await startRedis({
    redisUrl: process.env.TEST_REDIS_URL,
    dataDir,
    debianDir: 'data/debian',
  });
  if (redis.note !== undefined) console.log(redis.note);
  project.provide('redisUrl', redis.url);
  return async () => {
    await redis.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
