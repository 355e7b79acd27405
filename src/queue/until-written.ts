import { sleep } from '../sleep.ts';
import { isNotWritable } from './redis-trouble.ts';

/** How soon a Redis that can't be written is asked again. Milliseconds. */
const ASK_AGAIN_MS = 1_000;

/** For what must not be lost: written again and again until Redis takes it. `onWait` hears once that it has to wait. Other errors are thrown. */
export async function untilWritten<T>(write: () => Promise<T>, onWait: (error: Error) => void): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (!isNotWritable(error)) throw error;
      if (tries === 0) onWait(error);
      await sleep(ASK_AGAIN_MS);
    }
  }
}
