import { bytesPerFrame, FRAME_MS } from './frames.ts';
import type { PlayoutSink } from './playout.ts';

/** Where speech waits for its turn when nobody but us paces it. What was sent is what is heard: Asterisk passes it on at once. */
export interface PacedQueue {
  readonly sink: PlayoutSink;
  /**
   * Milliseconds of speech sent so far. As the clock of a playout it makes its reckoning exact: it moves with each frame sent and
   * stands still in silence, in a stall, and while the peer takes nothing.
   */
  readonly spokenMs: () => number;
  /** The frame to send now; undefined: silence. First reports what ended with the frame before, which has been heard by now. */
  next(): Buffer | undefined;
  /** Reports what ended with the last frame sent, for when no `next` will come. */
  settle(): void;
}

export interface PacedQueueOptions {
  sampleRate: number;
  onMark: (mark: string) => void;
}

/** At most as long as the playout that fills it lets it become. */
export function createPacedQueue({ sampleRate, onMark }: PacedQueueOptions): PacedQueue {
  const frameBytes = bytesPerFrame(sampleRate);
  let queue: (Buffer | string)[] = [];
  let framesSent = 0;
  let paused = false;

  function settle(): void {
    // Looked up anew each time: whoever hears of a mark may speak or flush right there.
    for (let head = queue[0]; typeof head === 'string'; head = queue[0]) {
      queue.shift();
      onMark(head);
    }
  }

  const push = (mark: string) => void queue.push(mark);
  return {
    sink: {
      startBuffering() {},
      audio(pcm) {
        for (let at = 0; at < pcm.length; at += frameBytes) queue.push(pcm.subarray(at, at + frameBytes));
      },
      mark: push,
      stopBuffering: push,
      flush() {
        settle();
        queue = [];
      },
      pause() {
        paused = true;
      },
      resume() {
        paused = false;
      },
    },
    spokenMs: () => framesSent * FRAME_MS,
    settle,
    next() {
      settle();
      if (paused) return undefined;
      const frame = queue.shift();
      if (!Buffer.isBuffer(frame)) return undefined;
      framesSent += 1;
      return frame;
    },
  };
}
