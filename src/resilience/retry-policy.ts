/** How often a request is sent again, and when. */
export interface RetryPolicy {
  /** Before the first retry. Milliseconds. */
  initialDelayMs: number;
  /** Each wait is this many times the one before. */
  factor: number;
  /** One operation sends at most this many requests and one. */
  retries: number;
  /** 0 keeps the documented schedule to the letter; 0.2 adds up to a fifth to each wait, at random, so that callers who failed together don't ask together. */
  jitter: number;
  /** The longest that a service's Retry-After holds a caller who has no patience of his own. Milliseconds. */
  longestRetryAfterMs: number;
}

/** Requests at 0, 5, 15 and 35 s where each one fails at once. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  initialDelayMs: 5_000,
  factor: 2,
  retries: 3,
  jitter: 0,
  longestRetryAfterMs: 60_000,
};

/** The wait before retry `n` (1 is the first). Milliseconds. */
export function delayMs(policy: RetryPolicy, n: number, random: () => number = Math.random): number {
  const delay = policy.initialDelayMs * policy.factor ** (n - 1);
  return Math.round(policy.jitter === 0 ? delay : delay * (1 + policy.jitter * random()));
}

/** From the first request to the end of the last one, when each of them takes all of its deadline. Milliseconds. */
export function longestOperationMs(policy: RetryPolicy, deadlineMs: number): number {
  const waits = Array.from({ length: policy.retries }, (_, index) => delayMs({ ...policy, jitter: 0 }, index + 1) * (1 + policy.jitter));
  return waits.reduce((sum, wait) => sum + wait, deadlineMs * (policy.retries + 1));
}
