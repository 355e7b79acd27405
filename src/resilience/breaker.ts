import type { BreakerPolicy } from './breaker-policy.ts';
import type { BreakerCause, BreakerNews, BreakerRecord, BreakerStore } from './breaker-store.ts';
import type { Refusal } from './held-back.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** A service, as its breaker needs to know it. */
export interface ServiceDefinition {
  policy: BreakerPolicy;
  /** Who pays and holds the key: bad credentials and spent quota open every breaker of the account. Default: the part of the name before the colon. */
  account?: string | undefined;
  /** One small request of the kind that calls make. Without it, a call is the trial. */
  dataPlane?: ((signal: AbortSignal) => Promise<unknown>) | undefined;
  /** Free: is it there, and does it let us in? */
  controlPlane?: ((signal: AbortSignal) => Promise<unknown>) | undefined;
}

/** `fleet`: every process refuses; `local`: this one alone does, because the others can use the service or Redis is away. */
export type BreakerScope = 'fleet' | 'local';

/** `local` changes concern this process alone; those of the fleet are told by one process, whoever made them. */
export type BreakerChange = BreakerNews & { account: string; scope: BreakerScope };

/** One request's way through the breaker: exactly one of the two ends it. */
export interface Pass {
  /** The one request that decides whether the breaker closes. */
  readonly trial: boolean;
  succeeded(): Promise<void>;
  failed(error: unknown): Promise<void>;
}

export interface Breaker {
  readonly service: string;
  readonly state: BreakerState;
  /** Of the last change of state; 0 when it never changed. Unix milliseconds. */
  readonly since: number;
  readonly scope: BreakerScope;
  readonly cause: BreakerCause | undefined;
  /** @throws BreakerOpenError when the service isn't to be asked. */
  begin(options: { deadlineMs: number }): Promise<Pass>;
  run<T>(request: () => Promise<T>, options: { deadlineMs: number }): Promise<T>;
}

/** What a breaker sees of the others. */
export interface Fleet {
  /** Redis answered when it was last asked. */
  readonly connected: boolean;
  readonly others: number;
  readonly healthWorkers: number;
  readonly store: BreakerStore | undefined;
  /** Looks at Redis now; the figures are as old as the last look otherwise. Never rejects. */
  refresh(): Promise<void>;
  /** Has another process ask the service. */
  secondOpinion(service: string): Promise<'well' | 'failed' | 'nobody-answered'>;
}

export interface BreakerOptions {
  service: string;
  definition: ServiceDefinition;
  fleet: Fleet;
  processId: string;
  /** Of what happens to this process alone. */
  tellLocal: (news: BreakerNews) => void;
  log: BreakerLog;
  /** Bad credentials or spent quota: opens every breaker of the account. */
  onAccountFailure: (account: string, cause: BreakerCause) => void;
  /** Calls held back by this process while Redis couldn't count them. */
  heldBackAlone: () => number;
}

export interface BreakerLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export type TrialResult = 'recovered' | 'failed' | 'told-nothing' | 'not-now';

/** What the table of breakers needs besides. */
export interface OwnedBreaker extends Breaker {
  refusal(): Refusal;
  /** Lets a call through to be the trial, where nothing else can be; one at a time. */
  ticket(): boolean;
  /** Asks the service by its data plane. @param early also before the time. */
  trial(options: { early: boolean }): Promise<TrialResult>;
  /** The look that is due every second. */
  tick(): void;
  adopt(record: BreakerRecord): void;
  openLocally(cause: BreakerCause): void;
  closeByHand(): void;
  /** Resolves when nothing runs in the background any more. */
  stop(): Promise<void>;
}
