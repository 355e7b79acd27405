export interface Timer {
  /** Forgets the time set before. */
  start(ms: number, action: () => void): void;
  stop(): void;
  readonly running: boolean;
}

/** One timer that is set again and again. */
export function createTimer(): Timer {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    start(ms, action) {
      stop();
      timer = setTimeout(() => {
        timer = undefined;
        action();
      }, ms);
    },
    stop,
    get running() {
      return timer !== undefined;
    },
  };
}
