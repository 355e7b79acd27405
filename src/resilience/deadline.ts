import { TransientError } from '../errors.ts';

export interface DeadlineOptions {
  signal: AbortSignal;
  /** Milliseconds. */
  deadlineMs: number;
  /** Made when the deadline has passed. */
  onLate: () => Error;
}

/**
 * Gives `request` a signal of its own and ends with the deadline or the signal at once, also when the request heeds
 * neither. One signal a request: one that is late must not end its neighbours.
 */
export async function withDeadline<T>(request: (signal: AbortSignal) => Promise<T>, options: DeadlineOptions): Promise<T> {
  const { signal, deadlineMs, onLate } = options;
  signal.throwIfAborted();
  const own = new AbortController();
  let stop: () => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    const end = (reason: unknown) => {
      reject(reason);
      own.abort(reason);
    };
    const onAbort = () => end(signal.reason);
    const timer = setTimeout(() => end(onLate()), deadlineMs);
    signal.addEventListener('abort', onAbort, { once: true });
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
  });
  try {
    // Called inside a promise, so that a request that throws at once is a rejection like any other.
    const answer = Promise.resolve().then(() => request(own.signal));
    return await Promise.race([answer, ended]);
  } finally {
    stop();
  }
}

/** Slow is failed. */
export function deadlineError(service: string, operation: string, deadlineMs: number): TransientError {
  return new TransientError(`${service}, ${operation}: no answer within ${deadlineMs} ms.`, {
    service,
    code: 'deadline',
    category: 'transient',
  });
}
