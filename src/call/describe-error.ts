import { ServiceError } from '../errors.ts';

/** An error in words for the operator: which service, what it said. */
export function describeError(error: unknown): string {
  if (error instanceof ServiceError) return `${error.service}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/** The service that failed, if one did. */
export function serviceOf(error: unknown): string | undefined {
  return error instanceof ServiceError ? error.service : undefined;
}
