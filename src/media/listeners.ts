export interface Listeners<Value> {
  /** Returns the unsubscribe function. */
  add(listener: (value: Value) => void): () => void;
  emit(value: Value): void;
}

/** Listeners behind a fence: one that throws is reported, and can hurt neither the others nor the socket they hang on. */
export function createListeners<Value>(onFailure: (error: unknown) => void): Listeners<Value> {
  const listeners = new Set<(value: Value) => void>();
  return {
    add(listener) {
      // Wrapped, so that the same function added twice is two listeners.
      const own = (value: Value) => listener(value);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    emit(value) {
      for (const listener of listeners) {
        try {
          listener(value);
        } catch (error) {
          onFailure(error);
        }
      }
    },
  };
}
