import type { BreakerOptions, BreakerScope, BreakerState } from './breaker.ts';
import type { BreakerCause, BreakerRecord } from './breaker-store.ts';
import type { Refusal } from './held-back.ts';

/** What a process knows of a breaker besides its state, and what it logs and tells of it: since when, for whom and why. */
export class BreakerCondition {
  since = 0;
  scope: BreakerScope = 'local';
  cause: BreakerCause | undefined;
  readonly #options: BreakerOptions;
  readonly #state: () => BreakerState;
  /** That it opened for this process alone, and so its end is to be told, too. */
  #told = false;

  constructor(options: BreakerOptions, state: () => BreakerState) {
    this.#options = options;
    this.#state = state;
  }

  openedHere(cause: BreakerCause): void {
    this.cause = cause;
    this.since = Date.now();
    this.scope = 'local';
    this.#told = false;
    this.#logOpened(`breaker of ${this.#options.service} opened in this process: ${cause.message}`);
  }

  /** Without a word: it is known to be open already. */
  sharedAs({ cause, since }: BreakerRecord): void {
    this.cause = cause;
    this.since = since;
    this.scope = 'fleet';
  }

  openedByFleet(record: BreakerRecord): void {
    this.sharedAs(record);
    // Its end will be the fleet's.
    this.#told = false;
    this.#logOpened(`breaker of ${this.#options.service} is open: ${record.cause?.message ?? ''}`);
  }

  /** The fleet's changes are told by whoever finds the news in Redis; these are nobody else's. */
  tellOpenedHere(): void {
    const { since, cause } = this;
    if (this.#told || cause === undefined) return;
    this.#told = true;
    const { service, tellLocal } = this.#options;
    tellLocal({ kind: 'breaker-opened', id: this.#id(), service, since, cause });
  }

  closedHere(by: 'trial' | 'human'): void {
    const { cause, scope } = this;
    const { service, tellLocal, heldBackAlone, log } = this.#options;
    const openForMs = Date.now() - this.since;
    if (this.#told && cause !== undefined) {
      tellLocal({ kind: 'breaker-closed', id: `${this.#id()}.closed`, service, openForMs, heldBack: heldBackAlone(), by, cause });
    }
    this.#told = false;
    this.since = Date.now();
    const facts = { event: 'breaker-closed', service, breakerState: this.#state(), scope };
    log.info(facts, `breaker of ${service} closed after ${Math.round(openForMs / 1000)} s`);
  }

  refusal(): Refusal {
    return { service: this.#options.service, since: this.since, reason: this.cause?.message ?? 'it failed' };
  }

  /** For the log. */
  facts(): object {
    const { scope, cause } = this;
    const why = cause === undefined ? {} : { error: cause.message, code: cause.code };
    return { service: this.#options.service, breakerState: this.#state(), scope, ...why };
  }

  #id(): string {
    const { service, processId } = this.#options;
    return `${service}.${processId}.${this.since}`;
  }

  #logOpened(message: string): void {
    this.#options.log.warn({ ...this.facts(), event: 'breaker-opened' }, message);
  }
}
