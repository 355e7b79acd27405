import { setTimeout as delay } from 'node:timers/promises';

/** Waits `ms` milliseconds. Rejects at once with the signal's reason when `signal` aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal ? { signal } : undefined);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
