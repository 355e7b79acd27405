import type { BreakerOptions } from './breaker.ts';
import type { BreakerCondition } from './breaker-condition.ts';
import { resetMsAfter } from './breaker-policy.ts';
import type { BreakerRecord, BreakerStore } from './breaker-store.ts';
import type { LocalBreaker } from './local-breaker.ts';

export interface AgreementOptions {
  breaker: BreakerOptions;
  local: LocalBreaker;
  condition: BreakerCondition;
  isStopped: () => boolean;
  /** Work that nobody waits for; its failure is logged. */
  inBackground: (work: Promise<unknown>) => void;
  closeHere: (by: 'trial' | 'human') => void;
  /** The others have been asked about a local opening, whatever came of it. */
  onSettled: () => void;
}

/** How a breaker of this process and that of the fleet come to be one. */
export class BreakerAgreement {
  /** Another process makes a trial. */
  trialElsewhere = false;
  /** The others are being asked about a local opening: one request at a time is enough. */
  settling = false;
  readonly #options: AgreementOptions;
  /** Of the last state that was taken over from Redis. */
  #epoch = 0;
  #olderSeen = false;
  #settled = false;

  constructor(options: AgreementOptions) {
    this.#options = options;
  }

  /** Where leases are had; undefined while this process is on its own. */
  get store(): BreakerStore | undefined {
    const { connected, store } = this.#options.breaker.fleet;
    return this.#options.condition.scope === 'fleet' && connected ? store : undefined;
  }

  /** Takes over what Redis says. Every second, and at once when something changed: it only ever does what is missing. */
  adopt(record: BreakerRecord): void {
    const { breaker, local, condition, inBackground } = this.#options;
    this.trialElsewhere = record.trialRunning;
    if (record.epoch < this.#epoch && !this.#redisForgot(record)) return;
    this.#olderSeen = false;
    if (record.epoch > this.#epoch) {
      this.#follow(record);
      return;
    }
    if (record.open && !local.closed) condition.sharedAs(record);
    const { store } = breaker.fleet;
    // It recovered while Redis was away.
    if (record.open && local.closed && store !== undefined) inBackground(this.close(store, { epoch: this.#epoch }));
    if (!record.open && !local.closed && condition.scope === 'local' && !this.#settled) this.#settle();
  }

  openedHere(): void {
    this.#settled = false;
    if (!this.#options.isStopped()) this.#settle();
  }

  /** For everybody. False when it has been changed since. */
  async close(store: BreakerStore, under: { epoch: number; token?: string }): Promise<boolean> {
    const epoch = await store.close(this.#options.breaker.service, under);
    this.#epoch = Math.max(this.#epoch, epoch ?? 0);
    return epoch !== undefined;
  }

  #settle(): void {
    if (this.settling) return;
    this.#settled = true;
    this.settling = true;
    const settled = this.#settleScope().finally(() => {
      this.settling = false;
      this.#options.onSettled();
    });
    this.#options.inBackground(settled);
  }

  async #settleScope(): Promise<void> {
    const { fleet } = this.#options.breaker;
    try {
      await fleet.refresh();
      if (this.#options.isStopped()) return;
      if (fleet.connected && fleet.store !== undefined) return await this.#askTheOthers(fleet.store);
      this.#settled = false;
      this.#stayLocal();
    } catch (error) {
      this.#settled = false;
      this.#stayLocal();
      throw error;
    }
  }

  /** One poisoned node doesn't close the shop: the fleet opens when another process fares no better, or there is none. */
  async #askTheOthers(store: BreakerStore): Promise<void> {
    const { breaker, local, condition, isStopped } = this.#options;
    const { fleet, definition, service } = breaker;
    const canBeAsked = definition.dataPlane !== undefined && fleet.others > 0;
    if (canBeAsked && (await fleet.secondOpinion(service)) === 'well') return this.#stayLocal();
    if (isStopped() || local.closed || condition.cause === undefined) return;
    const epoch = await store.open(service, condition.cause, resetMsAfter(definition.policy, condition.cause));
    if (epoch === undefined) return;
    this.#epoch = epoch;
    condition.scope = 'fleet';
  }

  #stayLocal(): void {
    if (!this.#options.local.closed) this.#options.condition.tellOpenedHere();
  }

  /** An older epoch is an answer that was overtaken on its way; seen twice, Redis has lost what it knew. */
  #redisForgot(record: BreakerRecord): boolean {
    if (!this.#olderSeen) {
      this.#olderSeen = true;
      return false;
    }
    this.#epoch = record.epoch;
    if (!this.#options.local.closed && !record.open) {
      this.#options.condition.scope = 'local';
      this.#settled = false;
    }
    return true;
  }

  #follow(record: BreakerRecord): void {
    const { breaker, local, condition, closeHere } = this.#options;
    this.#epoch = record.epoch;
    if (record.open) {
      local.open(resetMsAfter(breaker.definition.policy, record.cause));
      condition.openedByFleet(record);
    } else closeHere(record.closedBy);
  }
}
