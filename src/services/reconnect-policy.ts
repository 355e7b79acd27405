import type { ServiceError } from '../errors.ts';

export interface ReconnectPolicy {
  /** From the first loss until reconnecting is given up, unless all was well in between. Milliseconds; a callee's patience. */
  patienceMs: number;
  /** Before the first reconnection; each further one waits twice as long. A half of every wait is at random. Milliseconds. */
  initialDelayMs: number;
  /** The longest wait, unless the service asks for a longer one. Milliseconds. */
  longestDelayMs: number;
  /** Whether a new session may help. Default: after what is transient or rate-limited. */
  isWorthIt: (error: ServiceError) => boolean;
}

export const DEFAULT_RECONNECT_POLICY: ReconnectPolicy = {
  patienceMs: 12_000,
  initialDelayMs: 250,
  longestDelayMs: 4_000,
  isWorthIt: ({ category }) => category === 'transient' || category === 'rate-limited',
};

/** Nobody's fault: the session was over, by its length, its silence, or because its server was stopped. */
const SESSION_OVER: readonly string[] = ['session-idle', 'session-over', 'session_time_limit_exceeded', 'insufficient_audio_activity'];

/** Of a loss that was no failure. */
export function wasMerelyOver({ code }: ServiceError): boolean {
  return SESSION_OVER.includes(code);
}

export function mayHelp(error: ServiceError, { isWorthIt }: ReconnectPolicy): boolean {
  return error.code !== 'breaker-open' && (wasMerelyOver(error) || isWorthIt(error));
}

/** A half is fixed and a half at random, so that calls that lost the service together don't come back together. */
export function reconnectDelayMs({ initialDelayMs, longestDelayMs }: ReconnectPolicy, failures: number, retryAfterMs = 0): number {
  const longest = Math.min(longestDelayMs, initialDelayMs * 2 ** failures);
  return Math.max(retryAfterMs, (longest * (1 + Math.random())) / 2);
}
