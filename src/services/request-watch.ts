import { fault } from '../error-classification/classify.ts';

export interface RequestWatchOptions {
  /** The caller's. */
  signal: AbortSignal;
  /** From now until the first useful part of the answer. Milliseconds. */
  deadlineMs: number;
  /** The longest silence between two parts afterwards. Milliseconds; without it only the deadline counts. */
  stallMs?: number;
  /** The code of the fault when the deadline passes. */
  lateCode: 'no-first-chunk' | 'no-answer';
}

/**
 * Watches one request. The SDKs need this: their own timeouts end at the headers, so a body that stalls hangs for
 * ever, and one of them reports an abort as a normal end.
 */
export interface RequestWatch {
  /** For the SDK. Aborted when the caller aborts, when the request is late, and by `dispose`. */
  readonly signal: AbortSignal;
  /** The work's result, unless the caller aborts (its reason is thrown) or the request is late (a fault is thrown). */
  settle<T>(work: PromiseLike<T>): Promise<T>;
  /** A useful part came: from now on only silence counts, and only while `settle` waits, so a slow reader harms nobody. */
  started(): void;
  dispose(): void;
}

export function createRequestWatch({ signal, deadlineMs, stallMs, lateCode }: RequestWatchOptions): RequestWatch {
  const controller = new AbortController();
  const { promise: over, reject } = Promise.withResolvers<never>();
  // Nobody may be waiting at the moment when it rejects.
  over.catch(() => {});
  const stop = (reason: unknown): void => {
    reject(reason);
    controller.abort(reason);
  };
  const onAbort = (): void => stop(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });

  let started = false;
  const late = (code: string, ms: number) => () => stop(fault(code, `nothing useful came within ${ms} ms`));
  const deadline = setTimeout(late(lateCode, deadlineMs), deadlineMs);

  return {
    signal: controller.signal,
    async settle(work) {
      const stall = started && stallMs !== undefined ? setTimeout(late('stream-stalled', stallMs), stallMs) : undefined;
      // Both may lose the race and reject later.
      const pending = Promise.resolve(work);
      pending.catch(() => {});
      try {
        return await Promise.race([over, pending]);
      } finally {
        clearTimeout(stall);
      }
    },
    started() {
      started = true;
      clearTimeout(deadline);
    },
    dispose() {
      clearTimeout(deadline);
      signal.removeEventListener('abort', onAbort);
      controller.abort(new DOMException('the request is over', 'AbortError'));
    },
  };
}
