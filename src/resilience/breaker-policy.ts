import { ServiceError } from '../errors.ts';
import type { BreakerCause } from './breaker-store.ts';
import { DEFAULT_RETRY_POLICY, longestOperationMs, type RetryPolicy } from './retry-policy.ts';

export interface BreakerPolicy {
  /** This many failures without a success between them open it. */
  failuresInRow: number;
  /** As many requests must have ended within the window before their share of failures counts. */
  volume: number;
  /** More than this share of failures opens. Percent. */
  failurePercent: number;
  /** How far back the share is taken. Milliseconds. */
  windowMs: number;
  /** From opening, or from a failed trial, to the next trial. Milliseconds. */
  resetMs: number;
  /** The same for bad credentials and spent quota, which a human mends. Milliseconds. */
  slowResetMs: number;
  /** How long a probe may take. Milliseconds. */
  probeDeadlineMs: number;
}

/**
 * The window outlasts one whole retried operation: with 60 s and a deadline of 8 s, four hanging requests in a row
 * never stood in it together.
 */
export function breakerPolicy(deadlineMs: number, retry: RetryPolicy = DEFAULT_RETRY_POLICY, resetMs = 30_000): BreakerPolicy {
  return {
    failuresInRow: 4,
    volume: 4,
    failurePercent: 50,
    windowMs: longestOperationMs(retry, deadlineMs),
    resetMs,
    slowResetMs: resetMs * 10,
    probeDeadlineMs: deadlineMs,
  };
}

/** What the end of a request says about the service. */
export type Verdict =
  | { kind: 'success' }
  /** Nothing: a bad request of ours, a rate limit, a caller who hung up. */
  | { kind: 'neutral' }
  | { kind: 'failure'; error: ServiceError }
  /** Every next request of the whole account would meet the same. */
  | { kind: 'account-failure'; error: ServiceError };

/** Errors that were made on this side of the wire, and so say nothing. */
const NOT_ASKED: readonly string[] = ['breaker-open', 'retry-budget', 'patience-spent'];

export function judge(error: unknown): Verdict {
  if (!(error instanceof ServiceError) || NOT_ASKED.includes(error.code)) return { kind: 'neutral' };
  switch (error.category) {
    case 'transient':
      return { kind: 'failure', error };
    case 'auth':
    case 'quota':
      return { kind: 'account-failure', error };
    case 'rate-limited':
    case 'permanent':
      return { kind: 'neutral' };
    default:
      return error.category satisfies never;
  }
}

/** What is remembered, and told, of the error that opened a breaker. */
export function causeOf({ message, code, category }: ServiceError): BreakerCause {
  return { message, code, category: category === 'auth' || category === 'quota' ? category : 'transient' };
}

/** Until the next trial. Milliseconds. */
export function resetMsAfter({ resetMs, slowResetMs }: BreakerPolicy, cause: BreakerCause | undefined): number {
  return cause?.category === 'auth' || cause?.category === 'quota' ? slowResetMs : resetMs;
}

/** Who pays and holds the key for a service. A trunk has an account of its own. */
export function accountOf(service: string, definition: { account?: string | undefined } | undefined): string {
  return definition?.account ?? (service.startsWith('trunk:') ? service : service.replace(/:.*/, ''));
}
