import { sleep } from '../sleep.ts';
import type { AriOperations } from './ari-operations.ts';

/** What Asterisk can sound: keys, and `w` for a pause of half a second. */
export const DTMF_KEYS = /^[0-9*#A-Dw]+$/;

/** Long enough for every menu, and twice what the standard asks for. Milliseconds. */
const TIMING = { betweenMs: 100, durationMs: 100 };
const PAUSE_MS = 500;

/** Asterisk answers at once; this resolves when the last key is through. */
export async function sendDtmf(
  connection: Pick<AriOperations, 'sendDtmf'>,
  channelId: string,
  keys: string,
  signal: AbortSignal,
): Promise<void> {
  await connection.sendDtmf(channelId, keys, TIMING);
  const pauses = keys.replace(/[^w]/g, '').length;
  const ms = pauses * PAUSE_MS + (keys.length - pauses) * (TIMING.betweenMs + TIMING.durationMs);
  await sleep(ms, signal).catch(() => {});
}
