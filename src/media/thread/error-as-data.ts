import { type ErrorCategory, ServiceError, serviceError, UserError } from '../../errors.ts';

/** An error on its way through a message port, which would drop everything but its message. */
export interface ErrorAsData {
  message: string;
  forHumans: boolean;
  service?: { service: string; code: string; category: ErrorCategory; status?: number };
  cause?: ErrorAsData;
}

export function toData(error: unknown): ErrorAsData {
  if (!(error instanceof Error)) return { message: String(error), forHumans: false };
  return {
    message: error.message,
    forHumans: error instanceof UserError,
    ...(error instanceof ServiceError && { service: factsOf(error) }),
    ...(error.cause !== undefined && { cause: toData(error.cause) }),
  };
}

export function fromData({ message, forHumans, service, cause: causeData }: ErrorAsData): Error {
  const cause = causeData && fromData(causeData);
  if (service) return serviceError(message, { ...service, cause });
  return new (forHumans ? UserError : Error)(message, cause && { cause });
}

function factsOf({ service, code, category, status }: ServiceError) {
  return { service, code, category, ...(status !== undefined && { status }) };
}
