import { startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';

export interface Gauges {
  /** After a garbage collection. Bytes. */
  heap: number;
  /** Of the whole process, its media thread included. Bytes. */
  resident: number;
  /** Sockets, timers and the like that keep the process busy, by kind. */
  resources: Record<string, number>;
  /** On `process`, over all events. */
  listeners: number;
}

// A worker that tells what it holds whenever it is asked over its IPC channel.
const roles = ['call', 'delivery'] as const;
const config = loadConfig(roles);
const app = await startApp(config, roles, createLogger({ level: config.logLevel, secrets: config.secrets }));

process.on('message', () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  const { heapUsed: heap, rss: resident } = process.memoryUsage();
  process.send?.({ heap, resident, resources, listeners } satisfies Gauges);
});
process.once('disconnect', () => void app.stop().then(() => process.exit(0)));
process.send?.('ready');
