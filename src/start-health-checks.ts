import type { ProcessParts } from './process-parts.ts';
import { createHealthQueue, createHealthWorker, scheduleHealthChecks } from './queue/health-queue.ts';
import { createHealthChecks } from './resilience/health-check.ts';

/** One check a tick for the whole fleet. */
export async function startHealthChecks({ config, log, redis, keys, fences, onStop }: ProcessParts): Promise<void> {
  const onError = (error: Error) => log.error({ err: error }, `health queue: ${error.message}`);
  const queue = createHealthQueue(redis, keys.prefix);
  onStop('health queue', () => queue.close());
  await scheduleHealthChecks(queue, config.healthIntervalMs);
  const { breakers } = fences;
  const worker = createHealthWorker({ connection: redis, prefix: keys.prefix, onError }, createHealthChecks({ breakers, log }));
  onStop('health worker', () => worker.close());
  void worker.run().catch(onError);
  log.info({ everyMs: config.healthIntervalMs, services: Object.keys(breakers.services) }, 'health worker started');
}
