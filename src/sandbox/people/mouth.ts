import { speak } from '../voice/voice.ts';

/** Spoken lines repeat from call to call; making one costs more than keeping it. */
const kept = new Map<string, Buffer>();
const keptLimit = 200;

function voiced(text: string, sampleRate: number): Buffer {
  const key = `${sampleRate} ${text}`;
  const known = kept.get(key);
  if (known) return known;
  const pcm = speak(text, sampleRate);
  const oldest = kept.keys().next();
  if (kept.size >= keptLimit && !oldest.done) kept.delete(oldest.value);
  kept.set(key, pcm);
  return pcm;
}

/** The tone after an answering machine's greeting. */
export function beep(ms: number, sampleRate: number): Buffer {
  const samples = Math.round((ms / 1_000) * sampleRate);
  const pcm = Buffer.alloc(samples * 2);
  for (let index = 0; index < samples; index++) {
    pcm.writeInt16LE(Math.round(8_000 * Math.sin((2 * Math.PI * 1_000 * index) / sampleRate)), index * 2);
  }
  return pcm;
}

/** A queue of sound that is taken out in frames of 20 ms. */
export function createMouth(sampleRate: number) {
  const frameBytes = (sampleRate / 50) * 2;
  /** One buffer for every silent frame, so that whoever forwards frames can tell silence by identity. */
  const silence = Buffer.alloc(frameBytes);
  const queue: Array<{ pcm: Buffer; offset: number; done: (() => void) | undefined }> = [];

  return {
    silence,
    get speaking() {
      return queue.length > 0;
    },
    say(text: string, done?: () => void) {
      queue.push({ pcm: voiced(text, sampleRate), offset: 0, done });
    },
    sound(pcm: Buffer, done?: () => void) {
      queue.push({ pcm, offset: 0, done });
    },
    /** The next 20 ms; the very buffer `silence` when there is nothing to say. */
    frame(): Buffer {
      const current = queue[0];
      if (!current) return silence;
      const end = current.offset + frameBytes;
      let frame = current.pcm.subarray(current.offset, end);
      if (frame.length < frameBytes) frame = Buffer.concat([frame, silence], frameBytes);
      current.offset = end;
      if (end >= current.pcm.length) {
        queue.shift();
        current.done?.();
      }
      return frame;
    },
  };
}
