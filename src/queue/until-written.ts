import type { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { redisError } from './redis-errors.ts';

/** How soon a Redis that can't be written is asked again. Milliseconds. */
const ASK_AGAIN_MS = 1_000;

/** For what must not be lost: written again and again until Redis takes it. `onWait` hears once that it has to wait. What doesn't pass when Redis is mended is thrown. */
export async function untilWritten<T>(write: () => Promise<T>, onWait: (error: ServiceError) => void): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await write();
    } catch (thrown) {
      const error = redisError(thrown, 'write of an outcome');
      if (error.category !== 'transient') throw error;
      if (tries === 0) onWait(error);
      await sleep(ASK_AGAIN_MS);
    }
  }
}
