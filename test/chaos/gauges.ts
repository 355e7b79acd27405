/** What one thread holds. */
export interface ThreadGauges {
  /** After a garbage collection. Bytes. */
  heap: number;
  /** Memory outside of the heap that its objects own, buffers above all. Bytes. */
  buffers: number;
  /** Sockets, timers and the like that keep it busy, by kind. */
  resources: Record<string, number>;
  /** On its `process`, over all events. */
  listeners: number;
}

/** Of the thread that asks. Needs `--expose-gc`. */
export function gaugesOfThisThread(): ThreadGauges {
  globalThis.gc?.();
  globalThis.gc?.();
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  const { heapUsed: heap, external: buffers } = process.memoryUsage();
  return { heap, buffers, resources, listeners };
}
