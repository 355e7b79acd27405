import { ServiceError } from './errors.ts';
import type { Logger } from './logger.ts';

/** `none`: what failed has no breaker. */
export type LoggedBreakerState = 'closed' | 'open' | 'half-open' | 'none';

export type BreakerStateOf = (service: string) => LoggedBreakerState | undefined;

/** What the program itself did to a service, or found out about it. */
export interface SystemEvent {
  /** Stable word: `breaker-opened`, `breaker-closed`, `probe`, `reconnected`. */
  event: string;
  service: string;
  breakerState: LoggedBreakerState;
  /** Why, where something went wrong. */
  error?: unknown;
  [fact: string]: unknown;
}

/** Logs a breaker change, a probe, a reset: whatever happened without a request of a call failing. A warning when it has an error. */
export function systemEvent(log: Pick<Logger, 'info' | 'warn'>, { error, ...facts }: SystemEvent, message: string): void {
  if (error === undefined) log.info(facts, message);
  else log.warn({ ...facts, err: error }, message);
}

/** The logger of one call: each of its lines says which call, and which attempt of its contact. */
export function callLogger(log: Logger, call: { callId: string; attempt: number; campaign: string }): Logger {
  return log.child(call);
}

/** pino's numbers of severity. */
const WARN = 40;
/** Whose failure it is when nobody says. */
const OURSELVES = 'ringfence';
/** A line is read by people: what comes after that many characters of a foreign message is noise. */
const MAX_MESSAGE = 2_000;
const MAX_STACK = 8_000;
const MAX_CAUSES = 5;

/** Puts service, error and breaker state into the facts of a line that tells of a failure or a system event. */
export function completeFacts(log: Logger, args: readonly unknown[], severity: number, stateOf: BreakerStateOf): unknown[] {
  const [first, ...rest] = args;
  const facts: Record<string, unknown> =
    first instanceof Error ? { err: first } : typeof first === 'object' && first !== null ? { ...first } : {};
  if (severity < WARN && facts.err === undefined && facts.event === undefined) return [...args];
  const words = typeof first === 'string' ? args : rest;
  const message = typeof words[0] === 'string' ? words[0] : messageOf(facts.err);
  const service = serviceOf(log, facts);
  return [
    {
      ...facts,
      service,
      error: facts.error ?? messageOf(facts.err) ?? (severity < WARN ? null : (message ?? null)),
      breakerState: facts.breakerState ?? stateOf(service) ?? 'none',
    },
    ...(words.length > 0 ? words : [message ?? '']),
  ];
}

function serviceOf(log: Logger, { service, err }: Record<string, unknown>): string {
  if (typeof service === 'string') return service;
  const failed = causesOf(err).find((link) => link instanceof ServiceError);
  if (failed !== undefined) return failed.service;
  const bound = log.bindings().service;
  return typeof bound === 'string' ? bound : OURSELVES;
}

function messageOf(thrown: unknown): string | undefined {
  if (thrown === undefined || thrown === null) return undefined;
  const text = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return cut(text, MAX_MESSAGE);
}

/** The error, then its causes. */
function causesOf(thrown: unknown): unknown[] {
  const chain: unknown[] = [];
  let link = thrown;
  while (link !== undefined && link !== null && chain.length < MAX_CAUSES && !chain.includes(link)) {
    chain.push(link);
    link = link instanceof Error ? link.cause : undefined;
  }
  return chain;
}

/** Of an error only what a reader needs: SDKs hang whole requests, with their credentials, on theirs. */
export function describeThrown(thrown: unknown): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const chain = causesOf(thrown);
  const stack = chain.map((link) => (link instanceof Error ? (link.stack ?? `${link.name}: ${link.message}`) : String(link)));
  const { code, category, status, retryAfterMs } = thrown as Partial<ServiceError>;
  return {
    type: thrown.name,
    message: messageOf(thrown),
    ...(isPlain(code) && { code }),
    ...(isPlain(category) && { category }),
    ...(isPlain(status) && { status }),
    ...(isPlain(retryAfterMs) && { retryAfterMs }),
    stack: cut(stack.join('\ncaused by '), MAX_STACK),
  };
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
