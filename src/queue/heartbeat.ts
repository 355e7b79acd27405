import type { Heartbeat } from '../heartbeat/heartbeat.ts';
import { sleep } from '../sleep.ts';
import type { HeartbeatStore } from './heartbeat-store.ts';

/** Milliseconds. */
const BEAT_EVERY_MS = 2_000;

export interface HeartbeatOptions {
  store: HeartbeatStore;
  id: string;
  read: () => Heartbeat;
  /** The first failure of each outage. */
  onError: (error: Error) => void;
}

/** Writes this process' heartbeat until stopped. */
export function startHeartbeat({ store, id, read, onError }: HeartbeatOptions): { beatNow(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  let wake = new AbortController();
  let failing = false;
  const beat = async () => {
    try {
      await store.beat(id, read());
      failing = false;
    } catch (error) {
      if (!failing && !stopping.signal.aborted) onError(error instanceof Error ? error : new Error(String(error)));
      failing = true;
    }
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      await beat();
      // A change during the beat has aborted it already, and is told without a pause.
      await sleep(BEAT_EVERY_MS, AbortSignal.any([wake.signal, stopping.signal])).catch(() => {});
    }
  })();
  return {
    beatNow: () => wake.abort(),
    async stop() {
      stopping.abort();
      await running;
      // Without Redis nobody can be told; the key ends by itself.
      await store.leave(id).catch(() => {});
    },
  };
}
