import { sleep } from '../../sleep.ts';
import { encodeG711 } from '../voice/g711.ts';
import { speak } from '../voice/voice.ts';
import type { Account } from './account.ts';

/** Who may come in, what they used, and how the service behaves. */
export interface World extends Account {
  /** From the request to the first sound. Milliseconds. */
  firstByteMs: number;
  /** How much faster than it is spoken the sound comes. */
  speed: number;
  /** Milliseconds. */
  idleTimeoutMs: number;
  /** Every text that was synthesized, oldest first. */
  spoken: string[];
  /** Being synthesized now. */
  running: number;
}

/** Of sound, sent together. */
export const CHUNK_MS = 100;

/** The sound at the pace of the service. */
export async function* streamed(bytes: Buffer, chunkBytes: number, world: World): AsyncGenerator<Buffer> {
  world.running++;
  try {
    await sleep(world.firstByteMs);
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      yield bytes.subarray(at, at + chunkBytes);
      await sleep(CHUNK_MS / world.speed);
    }
  } finally {
    world.running--;
  }
}

/** Undefined for a format that the sandbox doesn't speak. */
export function synthesizeAs(text: string, format: string): { bytes: Buffer; bytesPerMs: number } | undefined {
  if (format === 'ulaw_8000' || format === 'alaw_8000') {
    return { bytes: encodeG711(speak(text, 8000), format === 'ulaw_8000' ? 'ulaw' : 'alaw'), bytesPerMs: 8 };
  }
  const rate = /^pcm_(8000|16000|24000|32000|48000)$/.exec(format)?.[1];
  return rate === undefined ? undefined : { bytes: speak(text, Number(rate)), bytesPerMs: Number(rate) / 500 };
}
