import { randomUUID } from 'node:crypto';
import type { BreakerOptions, Pass } from './breaker.ts';
import type { BreakerAgreement } from './breaker-agreement.ts';
import type { BreakerCondition } from './breaker-condition.ts';
import { causeOf, judge, resetMsAfter } from './breaker-policy.ts';
import type { BreakerStore } from './breaker-store.ts';
import { BreakerOpenError } from './held-back.ts';
import type { Leave, LocalBreaker } from './local-breaker.ts';

/** After its deadline a trial may still have an answer to write. Milliseconds. */
const LEASE_MARGIN_MS = 2_000;

export interface TrialsOptions {
  breaker: BreakerOptions;
  local: LocalBreaker;
  condition: BreakerCondition;
  agreement: BreakerAgreement;
  onRecovered: () => void;
}

export interface TrialRequest {
  deadlineMs: number;
  /** Also before the time. */
  early: boolean;
  /** Until the next one, when it told nothing. 0: at once. Milliseconds. */
  restMs: number;
}

/** This process' alone, where there is no lease: it is on its own. */
type Lease = { store: BreakerStore; epoch: number; token: string } | undefined;

/** Who may make the trials of a breaker that isn't closed, and what follows from them: one at a time, in the fleet where there is one. */
export class BreakerTrials {
  readonly #options: TrialsOptions;
  #ticketUntil = 0;

  constructor(options: TrialsOptions) {
    this.#options = options;
  }

  /** By a request or probe of this process: health workers come first, as long as one lives that can. */
  get mayBegin(): boolean {
    const { breaker, local, condition, agreement } = this.#options;
    if (!local.trialDue || agreement.settling || condition.cause?.category === 'manual') return false;
    return agreement.store === undefined || breaker.definition.dataPlane === undefined || breaker.fleet.healthWorkers === 0;
  }

  /** Lets one call through to be the trial, where nothing else can be. */
  ticket(): boolean {
    const { breaker, local, agreement } = this.#options;
    const { dataPlane, policy } = breaker.definition;
    const taken = local.trialRunning || agreement.trialElsewhere || Date.now() < this.#ticketUntil;
    if (dataPlane !== undefined || taken || !this.mayBegin) return false;
    this.#ticketUntil = Date.now() + policy.probeDeadlineMs + LEASE_MARGIN_MS;
    return true;
  }

  /** @throws BreakerOpenError when another one runs, here or elsewhere, or its time hasn't come. */
  async begin({ deadlineMs, early, restMs }: TrialRequest): Promise<Pass> {
    const { breaker, local, condition, agreement } = this.#options;
    const leave = local.trial();
    if (leave === undefined) throw new BreakerOpenError(condition.refusal());
    // Whoever got in with it is the trial now, and counts as that.
    this.#ticketUntil = 0;
    const { store } = agreement;
    if (store === undefined) return this.#pass(leave, restMs, undefined);
    const token = randomUUID();
    const leaseMs = deadlineMs + LEASE_MARGIN_MS;
    // A Redis that fails right now leaves each process to itself.
    const epoch = await store.lease(breaker.service, { token, leaseMs, early }).catch(() => 'alone' as const);
    if (epoch === 'alone') return this.#pass(leave, restMs, undefined);
    if (epoch !== undefined) return this.#pass(leave, restMs, { store, epoch, token });
    local.undecided(leave);
    throw new BreakerOpenError(condition.refusal());
  }

  #pass(leave: Leave, restMs: number, lease: Lease): Pass {
    return {
      trial: true,
      succeeded: () => this.#succeeded(leave, lease),
      failed: (error) => this.#failed(error, leave, restMs, lease),
    };
  }

  async #succeeded(leave: Leave, lease: Lease): Promise<void> {
    const { local, agreement, onRecovered } = this.#options;
    if (lease !== undefined) {
      const closed = await agreement.close(lease.store, lease).catch(() => 'alone' as const);
      // The lease ran out: somebody else is asking, and theirs counts.
      if (closed === false) return local.undecided(leave);
    }
    const wasOpen = !local.closed;
    await local.succeeded(leave);
    if (wasOpen && local.closed) onRecovered();
  }

  async #failed(error: unknown, leave: Leave, restMs: number, lease: Lease): Promise<void> {
    const { breaker, local, condition } = this.#options;
    const verdict = judge(error);
    const known = verdict.kind === 'failure' || verdict.kind === 'account-failure' ? causeOf(verdict.error) : undefined;
    condition.cause = known ?? condition.cause;
    const nextMs = known === undefined ? restMs : resetMsAfter(breaker.definition.policy, known);
    if (nextMs > 0) await local.failed(leave, nextMs);
    else local.undecided(leave);
    const facts = { ...condition.facts(), event: 'probe' };
    breaker.log.info(facts, `trial of ${breaker.service} ${known === undefined ? 'told nothing' : 'failed'}`);
    await lease?.store.endTrial(breaker.service, lease.token, nextMs, known).catch(() => {});
  }
}
