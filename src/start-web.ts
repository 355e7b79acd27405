import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createDeliveryQueue } from './delivery/outbox.ts';
import type { ProcessParts } from './process-parts.ts';
import { createCallQueue } from './queue/call-queue.ts';
import { createHealthQueue } from './queue/health-queue.ts';
import { startHealthMonitor } from './web/health-monitor.ts';
import { startWebServer, type WebServer } from './web/web-server.ts';

/** Bull Board, status page, health pages and recordings. */
export async function startWeb({
  config,
  redis,
  keys,
  alerts,
  health: { vitalSigns, heartbeats, redisTrouble },
  onStop,
}: ProcessParts): Promise<WebServer> {
  const recordingsDir = join(config.dataDir, 'recordings');
  await mkdir(recordingsDir, { recursive: true });
  const queues = [createCallQueue(redis, keys.prefix), createDeliveryQueue(redis, keys.prefix), createHealthQueue(redis, keys.prefix)];
  for (const queue of queues) onStop(`${queue.name} queue`, () => queue.close());
  const health = startHealthMonitor({ own: vitalSigns, readWorkers: heartbeats.read, redisTrouble });
  onStop('health monitor', async () => health.stop());
  const web = await startWebServer({ ...config.web, queues: [...queues, ...alerts.queues], recordingsDir, health });
  onStop('web pages', () => web.stop());
  return web;
}
