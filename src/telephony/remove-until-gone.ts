import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { isGone } from './ari-operations.ts';

/** Waits between two tries: 100 ms, doubled up to 5 s. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;

/**
 * Repeats a DELETE (which may be repeated, as nothing else here) until Asterisk has acknowledged it: with success (`deleted`) or by saying that there is
 * no such thing (`absent`). `unconfirmed` after `patienceMs`.
 */
export async function removeUntilGone(remove: () => Promise<void>, patienceMs: number): Promise<'deleted' | 'absent' | 'unconfirmed'> {
  const giveUpAt = Date.now() + patienceMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LONGEST_DELAY_MS)) {
    try {
      await remove();
      return 'deleted';
    } catch (error) {
      if (isGone(error)) return 'absent';
      if (!(error instanceof ServiceError)) throw error;
      if (Date.now() + delayMs > giveUpAt) return 'unconfirmed';
    }
    await sleep(delayMs);
  }
}
