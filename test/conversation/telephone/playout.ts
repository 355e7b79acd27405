import type { MediaLeg, Utterance } from '../../../src/media/media-leg.ts';

interface Queued {
  pcm: Buffer;
  ended: boolean;
  heardMs: number;
  settle: (complete: boolean) => void;
}

/** What a leg does with what we say: queue it, and hand it out one frame at a time. */
export interface Playout extends Pick<MediaLeg, 'speak' | 'flush' | 'pause' | 'resume'> {
  readonly speaking: boolean;
  /** What is heard in the next 20 ms; silence when there is nothing, or too little yet. */
  nextFrame(): Buffer;
}

export function createPlayout(sampleRate: number): Playout {
  const frameBytes = sampleRate / 25;
  const silence = Buffer.alloc(frameBytes);
  const queue: Queued[] = [];
  let paused = false;

  function speak(): Utterance {
    const done = Promise.withResolvers<{ heardMs: number; complete: boolean }>();
    const queued: Queued = {
      pcm: Buffer.alloc(0),
      ended: false,
      heardMs: 0,
      settle: (complete) => done.resolve({ heardMs: queued.heardMs, complete }),
    };
    queue.push(queued);
    return {
      async write(pcm) {
        queued.pcm = Buffer.concat([queued.pcm, pcm]);
      },
      end() {
        queued.ended = true;
      },
      get heardMs() {
        return queued.heardMs;
      },
      played: done.promise,
    };
  }

  function nextFrame(): Buffer {
    const head = paused ? undefined : queue[0];
    if (head === undefined || (head.pcm.length < frameBytes && !head.ended)) return silence;
    const frame = Buffer.concat([head.pcm.subarray(0, frameBytes), silence], frameBytes);
    head.heardMs += Math.min(head.pcm.length, frameBytes) / (sampleRate / 500);
    head.pcm = head.pcm.subarray(frameBytes);
    if (head.ended && head.pcm.length === 0) {
      queue.shift();
      head.settle(true);
    }
    return frame;
  }

  return {
    speak,
    nextFrame,
    flush() {
      paused = false;
      for (const queued of queue.splice(0)) queued.settle(false);
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
    },
    get speaking() {
      return queue.length > 0;
    },
  };
}
