/** What one thread holds. */
export interface ThreadGauges {
  /** What lives in its heap; after a garbage collection, if one was asked for. Bytes. */
  heap: number;
  /** Pages that V8 holds for that heap. Bytes. */
  heapPages: number;
  /** Memory outside of the heap that its objects own, buffers above all. Bytes. */
  buffers: number;
  /** Sockets, timers and the like that keep it busy, by kind. */
  resources: Record<string, number>;
  /** On its `process`, over all events. */
  listeners: number;
}

/** `measure`: what is left when all garbage is collected. `look`: as it stands, which changes nothing. */
export type Question = 'measure' | 'look';

/** Of the thread that asks. Needs `--expose-gc`. */
export function gaugesOfThisThread(question: Question): ThreadGauges {
  if (question === 'measure') {
    globalThis.gc?.();
    globalThis.gc?.();
  }
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0);
  const { heapUsed: heap, heapTotal: heapPages, external: buffers } = process.memoryUsage();
  return { heap, heapPages, buffers, resources, listeners };
}
