export interface Listeners<T> {
  /** Returns how to stop listening. */
  add(listener: (heard: T) => void): () => void;
  /** Tells everybody who listens by now, in their order. */
  tell(heard: T): void;
  clear(): void;
}

export function createListeners<T>(): Listeners<T> {
  const listeners = new Set<(heard: T) => void>();
  return {
    add(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(heard) {
      // A copy, for some of them leave, or add others, when they hear it.
      for (const listener of [...listeners]) listener(heard);
    },
    clear: () => listeners.clear(),
  };
}
