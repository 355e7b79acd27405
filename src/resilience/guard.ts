import { ServiceError, TransientError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import type { Breaker } from './breaker.ts';
import { deadlineError, withDeadline } from './deadline.ts';
import { guardStream } from './guard-stream.ts';
import { BreakerOpenError, RetryBudgetError } from './held-back.ts';
import type { RetryBudget } from './retry-budget.ts';
import { DEFAULT_RETRY_POLICY, delayMs, type RetryPolicy } from './retry-policy.ts';

export interface GuardOptions {
  breaker: Breaker;
  policy?: RetryPolicy | undefined;
  /** From a request to its answer, or to the first useful chunk of it. Milliseconds. */
  deadlineMs: number;
  /** Undefined: every retry of the schedule is made. */
  retryBudget?: RetryBudget | undefined;
  log: { warn(facts: object, message: string): void };
}

export interface GuardedRequest {
  signal: AbortSignal;
  /** For messages and logs: "greeting", "search for the contact". */
  operation: string;
  /** How long somebody waits for all of it, retries and all: the same schedule, cut off. Milliseconds. Default: as long as it takes. */
  patienceMs?: number | undefined;
  deadlineMs?: number | undefined;
}

export interface GuardedStream<T> extends GuardedRequest {
  /** Is this chunk what somebody waits for? Default: any is. Until one came, the stream is retried like a request. */
  isUseful?: ((chunk: T) => boolean) | undefined;
  /** The longest silence between two chunks afterwards. Milliseconds. */
  stallMs: number;
}

/** One service behind its ring fence: retry around breaker around deadline around the request. */
export interface Guard {
  readonly service: string;
  /**
   * At most four requests. Rejects with the last ServiceError when they are spent, with a BreakerOpenError or
   * RetryBudgetError (`isHeldBack`) when the service wasn't to be asked, with the signal's reason when it aborts.
   */
  run<T>(request: (signal: AbortSignal) => Promise<T>, options: GuardedRequest): Promise<T>;
  /** The same for a stream, up to its first useful chunk; what fails after that is not repeated. */
  stream<T>(open: (signal: AbortSignal) => AsyncIterable<T>, options: GuardedStream<T>): AsyncIterable<T>;
}

/** What one request of an operation may take. */
export interface RequestLimits {
  deadlineMs: number;
  onLate: () => TransientError;
}

export function createGuard(options: GuardOptions): Guard {
  const { breaker } = options;
  const guard: Guard = {
    service: breaker.service,
    run: (request, asked) =>
      withRetries(options, asked, ({ deadlineMs, onLate }) =>
        breaker.run(() => withDeadline(request, { signal: asked.signal, deadlineMs, onLate }), { deadlineMs }),
      ),
    stream: (open, asked) => guardStream({ breaker, open, asked, retried: (request) => withRetries(options, asked, request) }),
  };
  return guard;
}

/** Sends `request` until it succeeds, mustn't be repeated, or has been sent as often as the policy says. */
async function withRetries<T>(options: GuardOptions, asked: GuardedRequest, request: (limits: RequestLimits) => Promise<T>): Promise<T> {
  const { breaker, policy = DEFAULT_RETRY_POLICY, retryBudget, log } = options;
  const { signal, operation, patienceMs = Number.POSITIVE_INFINITY } = asked;
  const startedAt = performance.now();
  const leftMs = () => patienceMs - (performance.now() - startedAt);
  for (let retry = 1; ; retry++) {
    signal.throwIfAborted();
    if (retry === 1) retryBudget?.requested(breaker.service);
    try {
      return await request(limits(breaker.service, { ...asked, deadlineMs: asked.deadlineMs ?? options.deadlineMs }, leftMs()));
    } catch (error) {
      signal.throwIfAborted();
      const waitMs = retry > policy.retries ? undefined : waitBefore(policy, retry, error, patienceMs);
      if (waitMs === undefined || !(error instanceof ServiceError) || waitMs >= leftMs()) throw error;
      // Another call's failures have opened it meanwhile: this one hasn't spent its requests, and waiting can't help it.
      if (breaker.state !== 'closed') throw openError(breaker);
      if (retryBudget !== undefined && !(await retryBudget.allows(breaker.service))) throw new RetryBudgetError(error);
      const facts = { service: breaker.service, operation, breakerState: breaker.state, retry, waitMs, code: error.code };
      log.warn({ ...facts, error: error.message }, `${operation}: asked again in ${waitMs / 1000} s`);
      await sleep(waitMs, signal);
    }
  }
}

/** Undefined when the error is not to be asked about again. Milliseconds. */
function waitBefore(policy: RetryPolicy, retry: number, error: unknown, patienceMs: number): number | undefined {
  if (!(error instanceof TransientError) || error instanceof BreakerOpenError || error.code === 'patience-spent') return undefined;
  const delay = delayMs(policy, retry);
  if (error.retryAfterMs === undefined) return delay;
  // Whoever has a patience gives up when told to wait for longer; the others don't wait for hours.
  const toldMs = Number.isFinite(patienceMs) ? error.retryAfterMs : Math.min(error.retryAfterMs, policy.longestRetryAfterMs);
  return error.category === 'rate-limited' ? toldMs : Math.max(delay, toldMs);
}

function limits(service: string, { operation, deadlineMs }: GuardedRequest & { deadlineMs: number }, leftMs: number): RequestLimits {
  if (deadlineMs <= leftMs) return { deadlineMs, onLate: () => deadlineError(service, operation, deadlineMs) };
  const cutMs = Math.max(1, leftMs);
  return { deadlineMs: cutMs, onLate: () => patienceError(service, operation) };
}

/** Nothing is known against the service: it had less than its deadline. */
function patienceError(service: string, operation: string): TransientError {
  return new TransientError(`${service}, ${operation}: nobody waits any longer.`, {
    service,
    code: 'patience-spent',
    category: 'transient',
  });
}

function openError({ service, since, cause }: Breaker): BreakerOpenError {
  return new BreakerOpenError({ service, since, reason: cause?.message ?? 'it failed' });
}
