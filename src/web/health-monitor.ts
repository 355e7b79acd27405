import type { Heartbeat, WorkerSighting } from '../heartbeat/heartbeat.ts';
import { canPlaceCalls, type HealthReport, reportHealth } from './health-report.ts';
import { startWatch } from './watch.ts';

/** With heartbeats written at once when something changed, news is a second old at most. Milliseconds. */
const READ_EVERY_MS = 1_000;

/** A read fails after 2 s; whatever is older than this comes from an event loop or a Redis in trouble. Milliseconds. */
const STALE_AFTER_MS = 6_000;

export interface HealthMonitorOptions {
  /** This process. It is asked directly: what it says of itself is true whether or not Redis lives. */
  own: { id: string; read: () => Heartbeat };
  /** Everybody's heartbeats. Must reject within seconds when Redis is silent. */
  readWorkers: () => Promise<WorkerSighting[]>;
  /** Why Redis doesn't take what this process writes, in a sentence; undefined when it does. */
  redisTrouble?: () => string | undefined;
}

/** Answers from memory, so at once, whatever hangs. */
export interface HealthMonitor {
  report(): HealthReport;
  /** Why this process could not take calls or serve; empty when it could. */
  notReady(): string[];
  stop(): void;
}

export function startHealthMonitor({ own, readWorkers, redisTrouble = () => undefined }: HealthMonitorOptions): HealthMonitor {
  const watch = startWatch(readWorkers, READ_EVERY_MS);
  const redisState = () => {
    const { readAt, failed } = watch.latest();
    if (failed || (readAt !== undefined && Date.now() - readAt > STALE_AFTER_MS)) return 'disconnected';
    if (readAt === undefined) return 'connecting';
    return redisTrouble() === undefined ? 'connected' : 'read-only';
  };
  return {
    report() {
      const { value = [], readAt } = watch.latest();
      const myself: WorkerSighting = { kind: 'live', id: own.id, heartbeat: own.read() };
      const others = value.filter(({ id }) => id !== own.id);
      return reportHealth({ workers: [myself, ...others], redis: redisState(), redisTrouble: redisTrouble(), readAt });
    },
    notReady() {
      const heartbeat = own.read();
      const redis = redisState();
      const callsReady = !heartbeat.roles.includes('call') || canPlaceCalls({ ...heartbeat, draining: false });
      return [
        ...(heartbeat.draining ? ['draining: calls that have begun go on, no new one is taken'] : []),
        ...(redis === 'connected' ? [] : [`Redis can't be used: ${redisTrouble() ?? 'it does not answer'}`]),
        ...(callsReady ? [] : ['no call can be placed from here: /health says why']),
      ];
    },
    stop: watch.stop,
  };
}
