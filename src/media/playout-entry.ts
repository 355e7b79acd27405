import { createByteFifo } from './byte-fifo.ts';
import { BYTES_PER_SAMPLE, bytesPerFrame, bytesToMs } from './frames.ts';

/** One utterance on its way through the playout. Positions are bytes of all audio that the leg ever sent. */
export interface PlayoutEntry {
  /** Written, and not sent yet. Bytes. */
  readonly waiting: number;
  /** Whether any of it was sent. */
  readonly begun: boolean;
  /** No more writes. */
  readonly ended: boolean;
  /** Everything was handed over. */
  stopped: boolean;
  write(pcm: Buffer): void;
  end(): void;
  /** Bytes of whole frames that may be sent; with the last one, filled up with silence, once it has ended. */
  ready(): number;
  /** The next `bytes`, which are sent at this position. */
  send(bytes: number, position: number): Buffer;
  /** How much of it was heard when everything up to this position was. */
  heardMs(position: number): number;
  /** It is over, with what was heard by then. Only the first time counts. */
  settle(position: number, complete: boolean): void;
  readonly played: Promise<{ heardMs: number; complete: boolean }>;
}

export function createPlayoutEntry(sampleRate: number): PlayoutEntry {
  const frameBytes = bytesPerFrame(sampleRate);
  const pending = createByteFifo();
  const played = Promise.withResolvers<{ heardMs: number; complete: boolean }>();
  let writtenBytes = 0;
  let sentFrom: number | undefined;
  let ended = false;
  let settled: { heardMs: number; complete: boolean } | undefined;

  /** Only whole frames travel. An odd byte at the end is half a sample: it goes. */
  const padLastFrame = () => {
    const stray = pending.length % frameBytes;
    if (stray === 0) return;
    const sound = pending.take(pending.length);
    const padded = Buffer.alloc(sound.length - stray + frameBytes);
    sound.copy(padded, 0, 0, sound.length - (stray % BYTES_PER_SAMPLE));
    pending.push(padded);
  };

  const heardMs = (position: number) => {
    if (settled !== undefined) return settled.heardMs;
    if (sentFrom === undefined) return 0;
    const bytes = Math.min(Math.max(0, position - sentFrom), writtenBytes);
    return Math.round(bytesToMs(bytes, sampleRate));
  };

  return {
    get waiting() {
      return pending.length;
    },
    get begun() {
      return sentFrom !== undefined;
    },
    get ended() {
      return ended;
    },
    stopped: false,
    write(pcm) {
      pending.push(pcm);
      writtenBytes += pcm.length;
    },
    end() {
      ended = true;
    },
    ready() {
      if (ended) padLastFrame();
      return pending.length - (pending.length % frameBytes);
    },
    send(bytes, position) {
      sentFrom ??= position;
      return pending.take(bytes);
    },
    heardMs,
    settle(position, complete) {
      if (settled) return;
      settled = { heardMs: heardMs(position), complete };
      ended = true;
      pending.clear();
      played.resolve(settled);
    },
    played: played.promise,
  };
}
