import type { MediaLeg } from '../media/media-leg.ts';
import { sleep } from '../sleep.ts';
import { whenAborted } from './when-aborted.ts';

interface Cadence {
  hz: readonly number[];
  onMs: number;
  offMs: number;
}

/** What a caller hears while a phone rings (ITU-T E.180): most of Europe, and North America. */
const EUROPEAN: Cadence = { hz: [425], onMs: 1_000, offMs: 4_000 };
const AMERICAN: Cadence = { hz: [440, 480], onMs: 2_000, offMs: 4_000 };
/** Of full scale, for all tones together: quieter than speech. */
const LEVEL = 0.12;
/** Milliseconds. */
const AFTER_A_FAULT_MS = 500;

/** Plays the ringing of a phone until the signal aborts. Never rejects. */
export async function playRingTone(
  leg: Pick<MediaLeg, 'speak' | 'flush' | 'sampleRate'>,
  language: string,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const pcm = ringTone(language.toLowerCase().startsWith('en') ? AMERICAN : EUROPEAN, leg.sampleRate);
  const unlisten = whenAborted(signal, () => leg.flush());
  while (!signal.aborted) {
    const utterance = leg.speak();
    void utterance.write(pcm);
    utterance.end();
    const { complete } = await utterance.played;
    // The leg may be back by then.
    if (!complete) await sleep(AFTER_A_FAULT_MS, signal).catch(() => {});
  }
  unlisten();
}

function ringTone({ hz, onMs, offMs }: Cadence, sampleRate: number): Buffer {
  const samples = ((onMs + offMs) * sampleRate) / 1_000;
  const pcm = Buffer.alloc(samples * 2);
  for (let at = 0; at < (onMs * sampleRate) / 1_000; at++) {
    const sum = hz.reduce((total, one) => total + Math.sin((2 * Math.PI * one * at) / sampleRate), 0);
    pcm.writeInt16LE(Math.round((sum / hz.length) * LEVEL * 32_767), at * 2);
  }
  return pcm;
}
