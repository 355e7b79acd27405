import type { MediaLeg } from '../media/media-leg.ts';

/** Keeps the leg told whether the callee's voice is to pause our playout. */
export interface PauseOnSpeech {
  /** See `Ear.pauseWhile`. */
  while(wanted: (atMs: number) => boolean): () => void;
  /** Asks again, for time may have changed the answer. */
  look(): void;
  /** The callee's voice has paused us: somebody has to have wanted that. */
  paused(): void;
}

/** @param now milliseconds from the answer */
export function createPauseOnSpeech(leg: Pick<MediaLeg, 'pauseOnSpeech' | 'resume'>, now: () => number): PauseOnSpeech {
  let isWanted: ((atMs: number) => boolean) | undefined;
  let armed = false;

  function look(): void {
    const wanted = isWanted?.(now()) ?? false;
    if (wanted === armed) return;
    armed = wanted;
    leg.pauseOnSpeech(wanted);
  }

  return {
    while(wanted) {
      isWanted = wanted;
      look();
      return () => {
        if (isWanted !== wanted) return;
        isWanted = undefined;
        look();
      };
    },
    look,
    paused() {
      // Whoever asked for the pause, and would have ended it, is gone.
      if (!isWanted) leg.resume();
    },
  };
}
