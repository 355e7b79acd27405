import type { ServiceError } from '../errors.ts';
import { whenAborted } from './when-aborted.ts';

/** Whether a voice agent is connected, and how to wait until it is. */
export function createAgentConnection() {
  const waiters = new Set<() => void>();
  let isUp = false;
  let gone: ServiceError | undefined;
  const wake = () => {
    for (const waiter of [...waiters]) waiter();
  };
  const throwIfGone = () => {
    if (gone) throw gone;
  };
  return {
    get isUp() {
      return isUp;
    },
    throwIfGone,
    up() {
      isUp = true;
      wake();
    },
    down() {
      isUp = false;
    },
    fail(error: ServiceError) {
      isUp = false;
      gone = error;
      wake();
    },
    async wait(signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      while (!isUp) {
        throwIfGone();
        const { promise, resolve } = Promise.withResolvers<void>();
        waiters.add(resolve);
        const unlisten = whenAborted(signal, resolve);
        await promise;
        waiters.delete(resolve);
        unlisten();
        signal.throwIfAborted();
      }
    },
  };
}
