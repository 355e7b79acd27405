import type { BreakerOptions, BreakerScope, BreakerState, OwnedBreaker, Pass, TrialResult } from './breaker.ts';
import { BreakerAgreement } from './breaker-agreement.ts';
import { BreakerCondition } from './breaker-condition.ts';
import { accountOf, causeOf, judge, resetMsAfter } from './breaker-policy.ts';
import type { BreakerCause, BreakerRecord } from './breaker-store.ts';
import { BreakerTrials } from './breaker-trials.ts';
import { deadlineError, withDeadline } from './deadline.ts';
import { BreakerOpenError, type Refusal } from './held-back.ts';
import { createLocalBreaker, type Leave, type LocalBreaker } from './local-breaker.ts';

export function createBreaker(options: BreakerOptions): OwnedBreaker {
  return new ServiceBreaker(options);
}

/** The breaker of one service in one process: its own judgement, what the fleet has decided, and who tries whether it is well again. */
class ServiceBreaker implements OwnedBreaker {
  readonly service: string;
  readonly #options: BreakerOptions;
  readonly #local: LocalBreaker;
  readonly #condition: BreakerCondition;
  readonly #agreement: BreakerAgreement;
  readonly #trials: BreakerTrials;
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<unknown>>();
  #lastFailure: BreakerCause = { message: 'too many requests failed', code: 'unknown', category: 'transient' };

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.service = options.service;
    const local = createLocalBreaker({
      policy: options.definition.policy,
      onOpened: () => this.#openedHere(this.#lastFailure),
      onTrialDue: () => this.tick(),
    });
    const condition = new BreakerCondition(options, () => this.state);
    const agreement = new BreakerAgreement({
      ...{ breaker: options, local, condition },
      isStopped: () => this.#stopping.signal.aborted,
      inBackground: (work) => this.#inBackground(work),
      closeHere: (by) => this.#closeHere(by),
      onSettled: () => this.tick(),
    });
    const onRecovered = () => condition.closedHere('trial');
    this.#trials = new BreakerTrials({ breaker: options, local, condition, agreement, onRecovered });
    this.#local = local;
    this.#condition = condition;
    this.#agreement = agreement;
  }

  get since(): number {
    return this.#condition.since;
  }

  get scope(): BreakerScope {
    return this.#condition.scope;
  }

  get cause(): BreakerCause | undefined {
    return this.#condition.cause;
  }

  get state(): BreakerState {
    if (this.#local.closed) return 'closed';
    const trialRuns = this.#local.trialRunning || (this.scope === 'fleet' && this.#agreement.trialElsewhere);
    return trialRuns || this.#trials.mayBegin ? 'half-open' : 'open';
  }

  async begin({ deadlineMs }: { deadlineMs: number }): Promise<Pass> {
    const leave = this.#local.request();
    if (leave !== undefined) return this.#requestPass(leave);
    if (!this.#trials.mayBegin) throw new BreakerOpenError(this.refusal());
    return this.#trials.begin({ deadlineMs, early: false, restMs: 0 });
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
    return this.#condition.refusal();
  }

  ticket(): boolean {
    return this.#local.closed || this.#trials.ticket();
  }

  async trial({ early }: { early: boolean }): Promise<TrialResult> {
    const { dataPlane, policy } = this.#options.definition;
    if (dataPlane === undefined || this.#local.closed || this.cause?.category === 'manual') return 'not-now';
    const deadlineMs = policy.probeDeadlineMs;
    let pass: Pass;
    try {
      pass = await this.#trials.begin({ deadlineMs, early, restMs: resetMsAfter(policy, this.cause) });
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
    const probes = this.#options.definition.dataPlane !== undefined && !this.#stopping.signal.aborted;
    if (probes && !this.#local.trialRunning && this.#trials.mayBegin) this.#inBackground(this.trial({ early: false }));
  }

  adopt(record: BreakerRecord): void {
    this.#agreement.adopt(record);
  }

  openLocally(cause: BreakerCause): void {
    if (!this.#local.closed) return;
    this.#local.open(resetMsAfter(this.#options.definition.policy, cause));
    this.#openedHere(cause);
  }

  closeByHand(): void {
    this.#closeHere('human');
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopping'));
    await Promise.allSettled(this.#background);
    this.#local.stop();
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

  #openedHere(cause: BreakerCause): void {
    this.#condition.openedHere(cause);
    this.#agreement.openedHere();
  }

  #closeHere(by: 'trial' | 'human'): void {
    if (this.#local.closed) return;
    this.#local.close();
    this.#condition.closedHere(by);
  }

  #inBackground(work: Promise<unknown>): void {
    const watched = work.catch((error: unknown) =>
      this.#options.log.warn(
        { ...this.#condition.facts(), err: error },
        `breaker of ${this.service}: Redis did not help, this process decides alone`,
      ),
    );
    this.#background.add(watched);
    void watched.finally(() => this.#background.delete(watched));
  }
}
