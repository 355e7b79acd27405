import type { ServiceError } from '../errors.ts';
import type { Heartbeat } from '../heartbeat/heartbeat.ts';
import { sleep } from '../sleep.ts';
import type { HeartbeatStore } from './heartbeat-store.ts';
import { redisError } from './redis-errors.ts';

/** Milliseconds. */
const BEAT_EVERY_MS = 2_000;

export interface HeartbeatOptions {
  store: HeartbeatStore;
  id: string;
  read: () => Heartbeat;
  /** The first failure of each outage. */
  onError: (error: ServiceError) => void;
}

export interface RunningHeartbeat {
  beatNow(): void;
  /** Why Redis did not take the last one; undefined when it did. */
  readonly trouble: ServiceError | undefined;
  stop(): Promise<void>;
}

/** Writes this process' heartbeat until stopped. */
export function startHeartbeat({ store, id, read, onError }: HeartbeatOptions): RunningHeartbeat {
  const stopping = new AbortController();
  let wake = new AbortController();
  let trouble: ServiceError | undefined;
  const beat = async () => {
    try {
      await store.beat(id, read());
      trouble = undefined;
    } catch (thrown) {
      const error = redisError(thrown, 'heartbeat');
      if (trouble === undefined && !stopping.signal.aborted) onError(error);
      trouble = error;
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
    get trouble() {
      return trouble;
    },
    async stop() {
      stopping.abort();
      await running;
      // Without Redis nobody can be told; the key ends by itself.
      await store.leave(id).catch(() => {});
    },
  };
}
