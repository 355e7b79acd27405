const frameMs = 20;
/** After a stall the missed frames are made up, so that a busy machine delays a voice and tears no words; beyond five seconds they are given up. */
const mostMissedFrames = 250;

/** One timer for all calls: 20 ms frames that don't drift. Runs only while somebody listens. */
export function createFrameClock() {
  const listeners = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;
  let dueMs = 0;

  function beat() {
    const missed = Math.floor((performance.now() - dueMs) / frameMs);
    if (missed > mostMissedFrames) dueMs += (missed - mostMissedFrames) * frameMs;
    while (listeners.size > 0 && dueMs <= performance.now()) {
      dueMs += frameMs;
      for (const listener of listeners) listener();
    }
    timer = listeners.size > 0 ? setTimeout(beat, Math.max(0, dueMs - performance.now())) : undefined;
  }

  return {
    /** Returns the function that removes the listener. */
    onFrame(listener: () => void): () => void {
      listeners.add(listener);
      if (!timer) {
        dueMs = performance.now() + frameMs;
        timer = setTimeout(beat, frameMs);
      }
      return () => {
        listeners.delete(listener);
      };
    },
    stop() {
      listeners.clear();
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

export type FrameClock = ReturnType<typeof createFrameClock>;
