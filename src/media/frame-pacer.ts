import { FRAME_MS } from './frames.ts';
import { createListeners } from './listeners.ts';

/**
 * After a stall of our event loop so many frames go out at once, the rest is late for good. A phone's jitter buffer takes 60 ms;
 * more would only be thrown away there, or delay all that follows.
 */
const MOST_AT_ONCE = 3;

/** The one clock of a process: everything that is sent in real time hangs on it. */
export interface FramePacer {
  /** Called every 20 ms. Returns the unsubscribe function. */
  onFrame(listener: () => void): () => void;
}

export interface FramePacerOptions {
  /** A listener threw. The others never notice. */
  onFailure: (error: unknown) => void;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

/** Counts from its first frame, not from the last timer, so that late timers don't add up. Runs only while somebody listens. */
export function createFramePacer({ onFailure, now = () => performance.now() }: FramePacerOptions): FramePacer {
  const listeners = createListeners<void>(onFailure);
  let listening = 0;
  let timer: NodeJS.Timeout | undefined;
  let dueAt = 0;

  function sleepUntilDue(): void {
    timer = listening > 0 ? setTimeout(beat, Math.max(0, dueAt - now())) : undefined;
  }

  function beat(): void {
    const late = Math.floor((now() - dueAt) / FRAME_MS);
    if (late >= MOST_AT_ONCE) dueAt += (late - MOST_AT_ONCE + 1) * FRAME_MS;
    // The time of the beginning: a beat that takes long must not go on for ever.
    for (const until = now(); dueAt <= until; dueAt += FRAME_MS) listeners.emit();
    sleepUntilDue();
  }

  return {
    onFrame(listener) {
      const remove = listeners.add(listener);
      listening += 1;
      // In the middle of a beat the timer is still there.
      if (!timer) {
        dueAt = now() + FRAME_MS;
        sleepUntilDue();
      }
      let removed = false;
      return () => {
        if (removed) return;
        removed = true;
        remove();
        listening -= 1;
      };
    },
  };
}
