import { type ServiceError, TransientError } from '../errors.ts';

/** Why a service is not asked at the moment. */
export interface Refusal {
  service: string;
  /** Since when its breaker is open. Unix milliseconds. */
  since: number;
  reason: string;
}

/**
 * The service was not asked: its breaker is open. Whoever meets this has spent nothing and comes back later; it says
 * nothing about his request.
 */
export class BreakerOpenError extends TransientError {
  override readonly name = 'BreakerOpenError';
  readonly since: number;

  constructor({ service, since, reason }: Refusal) {
    super(
      `${service} is not asked: its breaker is open since ${new Date(since).toISOString()} (${reason}). It is tried again without your doing; npm run breaker -- list shows how it stands.`,
      { service, code: 'breaker-open', category: 'transient' },
    );
    this.since = since;
  }
}

/** The fleet has spent its retries for the moment, so this operation didn't get all of its requests. */
export class RetryBudgetError extends TransientError {
  override readonly name = 'RetryBudgetError';

  constructor(last: ServiceError) {
    super(
      `${last.service} is not asked again for the moment: too many of the requests to it are retries already. Last seen: ${last.message}`,
      {
        service: last.service,
        code: 'retry-budget',
        category: 'transient',
        cause: last,
      },
    );
  }
}

/** An operation that was kept from the service, as against one that spent its requests on it. Its call is parked, not failed. */
export function isHeldBack(error: unknown): error is BreakerOpenError | RetryBudgetError {
  return error instanceof BreakerOpenError || error instanceof RetryBudgetError;
}
