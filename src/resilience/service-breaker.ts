import { randomUUID } from 'node:crypto';
import type { BreakerOptions, BreakerScope, BreakerState, OwnedBreaker, Pass, TrialResult } from './breaker.ts';
import { accountOf, causeOf, judge, resetMsAfter } from './breaker-policy.ts';
import type { BreakerCause, BreakerRecord, BreakerStore } from './breaker-store.ts';
import { deadlineError, withDeadline } from './deadline.ts';
import { BreakerOpenError, type Refusal } from './held-back.ts';
import { createLocalBreaker, type Leave, type LocalBreaker } from './local-breaker.ts';

/** After its deadline a trial may still have an answer to write. Milliseconds. */
const LEASE_MARGIN_MS = 2_000;

/** A trial that this process may make: alone in the fleet, where there is a lease. */
interface Trial {
  leave: Leave;
  lease: { store: BreakerStore; epoch: number; token: string } | undefined;
  /** Until the next one, when it told nothing. 0: at once. Milliseconds. */
  restMs: number;
}

export function createBreaker(options: BreakerOptions): OwnedBreaker {
  return new ServiceBreaker(options);
}

/** The breaker of one service in one process: its own judgement, and what the fleet has decided. */
class ServiceBreaker implements OwnedBreaker {
  readonly service: string;
  since = 0;
  scope: BreakerScope = 'local';
  cause: BreakerCause | undefined;
  readonly #options: BreakerOptions;
  readonly #local: LocalBreaker;
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<unknown>>();
  #lastFailure: BreakerCause = { message: 'too many requests failed', code: 'unknown', category: 'transient' };
  /** Of the last state that was taken over from Redis. */
  #epoch = 0;
  #olderSeen = false;
  #trialElsewhere = false;
  /** The fleet has been asked about a local opening. */
  #settled = false;
  /** The others are being asked: one request at a time is enough. */
  #settling = false;
  #toldLocally = false;
  #ticketUntil = 0;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.service = options.service;
    this.#local = createLocalBreaker({
      policy: options.definition.policy,
      onOpened: () => this.#openedHere(this.#lastFailure),
      onTrialDue: () => this.tick(),
    });
  }

  get state(): BreakerState {
    if (this.#local.closed) return 'closed';
    const trialRuns = this.#local.trialRunning || (this.scope === 'fleet' && this.#trialElsewhere);
    return trialRuns || this.#mayTry() ? 'half-open' : 'open';
  }

  async begin({ deadlineMs }: { deadlineMs: number }): Promise<Pass> {
    const leave = this.#local.request();
    if (leave !== undefined) return this.#requestPass(leave);
    if (!this.#mayTry()) throw new BreakerOpenError(this.refusal());
    return this.#trialPass(await this.#beginTrial({ deadlineMs, early: false, restMs: 0 }));
  }

  async run<T>(request: () => Promise<T>, options: { deadlineMs: number }): Promise<T> {
    const pass = await this.begin(options);
    let result: T;
    try {
      result = await request();
    } catch (error) {
      await pass.failed(error);
      throw error;
    }
    await pass.succeeded();
    return result;
  }

  refusal(): Refusal {
    return { service: this.service, since: this.since, reason: this.cause?.message ?? 'it failed' };
  }

  ticket(): boolean {
    const { dataPlane, policy } = this.#options.definition;
    if (this.#local.closed) return true;
    const taken = this.#local.trialRunning || this.#trialElsewhere || Date.now() < this.#ticketUntil;
    if (dataPlane !== undefined || taken || !this.#mayTry()) return false;
    this.#ticketUntil = Date.now() + policy.probeDeadlineMs + LEASE_MARGIN_MS;
    return true;
  }

  async trial({ early }: { early: boolean }): Promise<TrialResult> {
    const { dataPlane, policy } = this.#options.definition;
    if (dataPlane === undefined || this.#local.closed || this.cause?.category === 'manual') return 'not-now';
    const deadlineMs = policy.probeDeadlineMs;
    let pass: Pass;
    try {
      pass = this.#trialPass(await this.#beginTrial({ deadlineMs, early, restMs: this.#resetMs() }));
    } catch (error) {
      if (error instanceof BreakerOpenError) return 'not-now';
      throw error;
    }
    try {
      const onLate = () => deadlineError(this.service, 'probe', deadlineMs);
      await withDeadline(dataPlane, { signal: this.#stopping.signal, deadlineMs, onLate });
    } catch (error) {
      await pass.failed(error);
      return judge(error).kind === 'neutral' ? 'told-nothing' : 'failed';
    }
    await pass.succeeded();
    return this.#local.closed ? 'recovered' : 'not-now';
  }

  tick(): void {
    const probes = this.#options.definition.dataPlane !== undefined;
    if (probes && !this.#stopped && !this.#local.trialRunning && this.#mayTry()) this.#inBackground(this.trial({ early: false }));
  }

  /** Takes over what Redis says. Every second, and at once when something changed: it only ever does what is missing. */
  adopt(record: BreakerRecord): void {
    this.#trialElsewhere = record.trialRunning;
    if (record.epoch < this.#epoch && !this.#redisForgot(record)) return;
    this.#olderSeen = false;
    if (record.epoch > this.#epoch) {
      this.#follow(record);
      return;
    }
    if (record.open && !this.#local.closed) {
      this.cause = record.cause;
      this.since = record.since;
      this.scope = 'fleet';
    }
    const { store } = this.#options.fleet;
    // It recovered while Redis was away.
    if (record.open && this.#local.closed && store !== undefined) this.#inBackground(this.#closeInFleet(store, { epoch: this.#epoch }));
    if (!record.open && !this.#local.closed && this.scope === 'local' && !this.#settled) this.#settle();
  }

  openLocally(cause: BreakerCause): void {
    if (!this.#local.closed) return;
    this.#local.open(resetMsAfter(this.#options.definition.policy, cause));
    this.#openedHere(cause);
  }

  closeByHand(): void {
    this.#closeLocally('human');
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await Promise.allSettled(this.#background);
    this.#local.stop();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Where leases are had. */
  get #shared(): BreakerStore | undefined {
    const { connected, store } = this.#options.fleet;
    return this.scope === 'fleet' && connected ? store : undefined;
  }

  #resetMs(): number {
    return resetMsAfter(this.#options.definition.policy, this.cause);
  }

  /** By a request or probe of this process: health workers come first, as long as one lives that can. */
  #mayTry(): boolean {
    if (!this.#local.trialDue || this.#settling || this.cause?.category === 'manual') return false;
    const { definition, fleet } = this.#options;
    return this.#shared === undefined || definition.dataPlane === undefined || fleet.healthWorkers === 0;
  }

  #requestPass(leave: Leave): Pass {
    const { definition, onAccountFailure } = this.#options;
    return {
      trial: false,
      succeeded: () => this.#local.succeeded(leave),
      failed: async (error) => {
        const verdict = judge(error);
        if (verdict.kind === 'success' || verdict.kind === 'neutral') return;
        this.#lastFailure = causeOf(verdict.error);
        if (verdict.kind === 'failure') await this.#local.failed(leave, definition.policy.resetMs);
        // Only while it still counts: the end of a request from before an opening moves nothing.
        else if (this.#local.request() === leave) onAccountFailure(accountOf(this.service, definition), this.#lastFailure);
      },
    };
  }

  /** @throws BreakerOpenError when another one runs, here or elsewhere, or its time hasn't come. */
  async #beginTrial({ deadlineMs, early, restMs }: { deadlineMs: number; early: boolean; restMs: number }): Promise<Trial> {
    const leave = this.#local.trial();
    if (leave === undefined) throw new BreakerOpenError(this.refusal());
    // Whoever got in with it is the trial now, and counts as that.
    this.#ticketUntil = 0;
    const store = this.#shared;
    if (store === undefined) return { leave, lease: undefined, restMs };
    const token = randomUUID();
    // A Redis that fails right now leaves each process to itself.
    const epoch = await store.lease(this.service, { token, leaseMs: deadlineMs + LEASE_MARGIN_MS, early }).catch(() => 'alone' as const);
    if (epoch === 'alone') return { leave, lease: undefined, restMs };
    if (epoch !== undefined) return { leave, lease: { store, epoch, token }, restMs };
    this.#local.undecided(leave);
    throw new BreakerOpenError(this.refusal());
  }

  #trialPass({ leave, lease, restMs }: Trial): Pass {
    return {
      trial: true,
      succeeded: async () => {
        if (lease !== undefined) {
          const closed = await this.#closeInFleet(lease.store, lease).catch(() => 'alone' as const);
          // The lease ran out: somebody else is asking, and theirs counts.
          if (closed === false) return this.#local.undecided(leave);
        }
        const wasOpen = !this.#local.closed;
        await this.#local.succeeded(leave);
        if (wasOpen && this.#local.closed) this.#closedHere('trial');
      },
      failed: async (error) => {
        const verdict = judge(error);
        const known = verdict.kind === 'failure' || verdict.kind === 'account-failure' ? causeOf(verdict.error) : undefined;
        this.cause = known ?? this.cause;
        const nextMs = known === undefined ? restMs : this.#resetMs();
        if (nextMs > 0) await this.#local.failed(leave, nextMs);
        else this.#local.undecided(leave);
        const facts = { ...this.#facts(), event: 'probe' };
        this.#options.log.info(facts, `trial of ${this.service} ${known === undefined ? 'told nothing' : 'failed'}`);
        await lease?.store.endTrial(this.service, lease.token, nextMs, known).catch(() => {});
      },
    };
  }

  #openedHere(cause: BreakerCause): void {
    this.cause = cause;
    this.since = Date.now();
    this.scope = 'local';
    this.#settled = false;
    this.#toldLocally = false;
    this.#logOpened(`breaker of ${this.service} opened in this process: ${cause.message}`);
    if (!this.#stopped) this.#settle();
  }

  #settle(): void {
    if (this.#settling) return;
    this.#settled = true;
    this.#settling = true;
    const settled = this.#settleScope().finally(() => {
      this.#settling = false;
      this.tick();
    });
    this.#inBackground(settled);
  }

  /** One poisoned node doesn't close the shop: the fleet opens when another process fares no better, or there is none. */
  async #settleScope(): Promise<void> {
    const { fleet, definition } = this.#options;
    try {
      await fleet.refresh();
      if (this.#stopped) return;
      if (!fleet.connected || fleet.store === undefined) {
        this.#settled = false;
        return this.#tellOpenedLocally();
      }
      const canBeAsked = definition.dataPlane !== undefined && fleet.others > 0;
      if (canBeAsked && (await fleet.secondOpinion(this.service)) === 'well') return this.#tellOpenedLocally();
      if (this.#stopped || this.#local.closed || this.cause === undefined) return;
      const epoch = await fleet.store.open(this.service, this.cause, this.#resetMs());
      if (epoch === undefined) return;
      this.#epoch = epoch;
      this.scope = 'fleet';
    } catch (error) {
      this.#settled = false;
      this.#tellOpenedLocally();
      throw error;
    }
  }

  /** The fleet's changes are told by whoever finds the news in Redis; these are nobody else's. */
  #tellOpenedLocally(): void {
    const { service, since, cause } = this;
    if (this.#local.closed || this.#toldLocally || cause === undefined) return;
    this.#toldLocally = true;
    this.#options.tellLocal({ kind: 'breaker-opened', id: this.#localId(), service, since, cause });
  }

  #closeLocally(by: 'trial' | 'human'): void {
    if (this.#local.closed) return;
    this.#local.close();
    this.#closedHere(by);
  }

  #closedHere(by: 'trial' | 'human'): void {
    const { service, cause, scope } = this;
    const { tellLocal, heldBackAlone, log } = this.#options;
    const openForMs = Date.now() - this.since;
    if (this.#toldLocally && cause !== undefined) {
      const id = `${this.#localId()}.closed`;
      tellLocal({ kind: 'breaker-closed', id, service, openForMs, heldBack: heldBackAlone(), by, cause });
    }
    this.#toldLocally = false;
    this.since = Date.now();
    const facts = { event: 'breaker-closed', service, breakerState: this.state, scope };
    log.info(facts, `breaker of ${service} closed after ${Math.round(openForMs / 1000)} s`);
  }

  #localId(): string {
    return `${this.service}.${this.#options.processId}.${this.since}`;
  }

  async #closeInFleet(store: BreakerStore, under: { epoch: number; token?: string }): Promise<boolean> {
    const epoch = await store.close(this.service, under);
    this.#epoch = Math.max(this.#epoch, epoch ?? 0);
    return epoch !== undefined;
  }

  /** An older epoch is an answer that was overtaken on its way; seen twice, Redis has lost what it knew. */
  #redisForgot(record: BreakerRecord): boolean {
    if (!this.#olderSeen) {
      this.#olderSeen = true;
      return false;
    }
    this.#epoch = record.epoch;
    if (!this.#local.closed && !record.open) {
      this.scope = 'local';
      this.#settled = false;
    }
    return true;
  }

  #follow(record: BreakerRecord): void {
    this.#epoch = record.epoch;
    if (!record.open) {
      this.#closeLocally(record.closedBy);
      return;
    }
    this.scope = 'fleet';
    this.cause = record.cause;
    this.since = record.since;
    // Its end will be the fleet's.
    this.#toldLocally = false;
    this.#local.open(this.#resetMs());
    this.#logOpened(`breaker of ${this.service} is open: ${record.cause?.message ?? ''}`);
  }

  #logOpened(message: string): void {
    this.#options.log.warn({ ...this.#facts(), event: 'breaker-opened' }, message);
  }

  #facts(): object {
    const { service, scope, cause } = this;
    return { service, breakerState: this.state, scope, ...(cause === undefined ? {} : { error: cause.message, code: cause.code }) };
  }

  #inBackground(work: Promise<unknown>): void {
    const { log } = this.#options;
    const watched = work.catch((error: unknown) =>
      log.warn({ ...this.#facts(), err: error }, `breaker of ${this.service}: Redis did not help, this process decides alone`),
    );
    this.#background.add(watched);
    void watched.finally(() => this.#background.delete(watched));
  }
}
