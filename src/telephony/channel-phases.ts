/** How far the call on a channel has come. `down`: not made yet, or made and not dialled. `dialled`: Asterisk asks the far end. `ended`: gone. */
export type ChannelPhase = 'down' | 'dialled' | 'ringing' | 'up' | 'ended';

const ORDER: readonly ChannelPhase[] = ['down', 'dialled', 'ringing', 'up', 'ended'];

/** A channel's way through its phases, whatever order the signs of them come in: it never goes back. */
export interface ChannelPhases {
  readonly current: ChannelPhase;
  /** The last one before it ended. */
  readonly furthest: ChannelPhase;
  advance(phase: ChannelPhase): void;
  /** Resolves when the phase is at least this one (an ended channel has passed them all). */
  reached(phase: ChannelPhase): Promise<void>;
  /** Nobody hears of anything after `ended`. */
  on(listener: (phase: ChannelPhase) => void): () => void;
}

export function createChannelPhases(): ChannelPhases {
  const listeners = new Set<(phase: ChannelPhase) => void>();
  let current: ChannelPhase = 'down';
  let furthest: ChannelPhase = 'down';
  const isPast = (phase: ChannelPhase) => ORDER.indexOf(current) >= ORDER.indexOf(phase);

  return {
    get current() {
      return current;
    },
    get furthest() {
      return furthest;
    },
    advance(phase) {
      if (isPast(phase)) return;
      if (phase !== 'ended') furthest = phase;
      current = phase;
      for (const listener of [...listeners]) listener(phase);
      if (phase === 'ended') listeners.clear();
    },
    reached: (phase) =>
      new Promise((resolve) => {
        if (isPast(phase)) return resolve();
        const look = () => {
          if (!isPast(phase)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
      }),
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
