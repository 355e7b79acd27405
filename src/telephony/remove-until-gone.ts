import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { type AriOperations, isGone } from './ari-operations.ts';
import { asteriskError } from './asterisk-errors.ts';

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

/** How long a channel of a former owner may take to go. Milliseconds. */
const HANGUP_PATIENCE_MS = 5_000;

/** Ends a channel that may or may not live. Resolves when it is surely gone; throws a `ServiceError` when Asterisk doesn't say. */
export async function hangUpSurely(asterisk: Pick<AriOperations, 'hangup'>, channelId: string): Promise<void> {
  const result = await removeUntilGone(() => asterisk.hangup(channelId, 'normal'), HANGUP_PATIENCE_MS);
  if (result === 'unconfirmed')
    throw asteriskError(`Asterisk did not confirm that channel ${channelId} is gone`, 'hangup-unconfirmed', 'transient');
}
