/** Counts the milliseconds from the answer. */
export interface CallClock {
  /** The callee has picked up. */
  answered(): void;
  /** 0 before the answer. */
  now(): number;
}

export function createCallClock(): CallClock {
  let answeredAt: number | undefined;
  return {
    answered() {
      answeredAt = performance.now();
    },
    now: () => (answeredAt === undefined ? 0 : performance.now() - answeredAt),
  };
}
