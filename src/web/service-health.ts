import type { Heartbeat, ServiceConnection } from '../heartbeat/heartbeat.ts';

/** One service's breaker, as the whole fleet sees it: the worst state that any worker sees. */
export interface ServiceHealth {
  state: ServiceConnection['state'];
  /** ISO 8601; undefined when it never changed. */
  since: string | undefined;
  lastError?: { code: string; message: string };
  /** The workers that see it in this state, where others see a better one. */
  seenBy?: string[];
}

const BADNESS = { closed: 0, 'half-open': 1, open: 2 } as const satisfies Record<ServiceConnection['state'], number>;

export function mergeServices(heartbeats: readonly Heartbeat[]): Record<string, ServiceHealth> {
  const seen = heartbeats.flatMap(({ name, services }) => services.map((connection) => ({ worker: name, connection })));
  const byService = Map.groupBy(seen, ({ connection }) => connection.service);
  const merged = [...byService].map(([service, views]) => [service, merge(views)] as const);
  return Object.fromEntries(merged.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function merge(views: readonly { worker: string; connection: ServiceConnection }[]): ServiceHealth {
  const state = views.reduce<ServiceConnection['state']>(
    (worst, { connection }) => (BADNESS[connection.state] > BADNESS[worst] ? connection.state : worst),
    'closed',
  );
  const agreeing = views.filter(({ connection }) => connection.state === state);
  const since = agreeing.flatMap(({ connection }) => connection.since ?? []);
  const lastError = agreeing.find(({ connection }) => connection.lastError !== undefined)?.connection.lastError;
  return {
    state,
    since: since.length === 0 ? undefined : new Date(Math.min(...since)).toISOString(),
    ...(lastError && { lastError }),
    ...(agreeing.length < views.length && { seenBy: agreeing.map(({ worker }) => worker) }),
  };
}
