/** What a caller may do about an error. `transient` is retried; the others are not (rate-limited waits as told first). */
export type ErrorCategory = 'transient' | 'rate-limited' | 'permanent' | 'auth' | 'quota';

export interface ServiceErrorFacts {
  /** The remote dependency, e.g. `elevenlabs:text-to-speech`, `openai:language-model`, `hubspot`, `asterisk`. */
  service: string;
  /** Stable and machine-readable, e.g. `ECONNREFUSED`, `quota_exceeded`, `stream-stalled`. Decisions are taken on this, never on the message. */
  code: string;
  category: ErrorCategory;
  /** HTTP status, where there was one. */
  status?: number | undefined;
  /** How long the service asked us to wait. Milliseconds. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

/** Every remote call ends in success or in one of these. */
export class ServiceError extends Error {
  override readonly name: string = 'ServiceError';
  readonly service: string;
  readonly code: string;
  readonly category: ErrorCategory;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: ServiceErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.service = facts.service;
    this.code = facts.code;
    this.category = facts.category;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** May succeed when asked again: 503, a timeout, a lost connection, a rate limit. */
export class TransientError extends ServiceError {
  override readonly name: string = 'TransientError';
}

/** The same request will fail again: a bad request, bad credentials, an exhausted quota. */
export class PermanentError extends ServiceError {
  override readonly name = 'PermanentError';
}

/** Makes the subclass that fits the category. */
export function serviceError(message: string, facts: ServiceErrorFacts): ServiceError {
  return facts.category === 'transient' || facts.category === 'rate-limited'
    ? new TransientError(message, facts)
    : new PermanentError(message, facts);
}

/**
 * Input or configuration that a human must mend. The message is printed as it stands, without a stack:
 * it says what happened, to what, why, and what to do now.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
