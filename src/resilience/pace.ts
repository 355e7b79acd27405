import { sleep } from '../sleep.ts';

/**
 * Lets through so many a second, evenly, and has the others wait: what only looks whether a service is back must not
 * keep Redis busy, however many wait for it.
 */
export function createPace(perSecond: number): (signal: AbortSignal) => Promise<void> {
  let nextAt = 0;
  return async (signal) => {
    const now = performance.now();
    nextAt = Math.max(now, nextAt + 1_000 / perSecond);
    if (nextAt > now) await sleep(nextAt - now, signal);
  };
}
