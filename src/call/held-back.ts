import { ServiceError } from '../errors.ts';

/** A service wasn't to be asked (its breaker is open, or the fleet's retries are spent): the call has spent nothing and waits. */
export function isHeldBack(error: unknown): error is ServiceError {
  return error instanceof ServiceError && (error.code === 'breaker-open' || error.code === 'retry-budget');
}
