import { randomUUID } from 'node:crypto';
import { type BreakerPolicy, judge } from './breaker-policy.ts';
import type { BreakerCause, BreakerNews, BreakerRecord, BreakerStore } from './breaker-store.ts';
import { deadlineError, withDeadline } from './deadline.ts';
import { BreakerOpenError, type Refusal } from './held-back.ts';
import { createLocalBreaker, type Leave } from './local-breaker.ts';

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

/** After its deadline a trial may still have an answer to write. Milliseconds. */
const LEASE_MARGIN_MS = 2_000;

export function createBreaker(options: BreakerOptions): OwnedBreaker {
  const { service, definition, fleet, tellLocal, log } = options;
  const { policy, dataPlane } = definition;
  const account = definition.account ?? service.replace(/:.*/, '');
  let since = 0;
  let scope: BreakerScope = 'local';
  let cause: BreakerCause | undefined;
  let lastFailure: BreakerCause | undefined;
  /** Of the last state that was taken over from Redis. */
  let epoch = 0;
  let olderThanOurs = false;
  let trialElsewhere = false;
  /** A local opening: has the fleet been asked about it, and has somebody been told? */
  let settled = false;
  /** The others are being asked: one request at a time is enough. */
  let settling = false;
  let toldLocally = false;
  let ticketUntil = 0;
  let stopped = false;
  const background = new Set<Promise<unknown>>();

  const local = createLocalBreaker({
    policy,
    onOpened: () => openedHere(lastFailure ?? { message: 'too many failures', code: 'unknown', category: 'transient' }),
    onTrialDue: () => tick(),
  });
  const shared = () => (scope === 'fleet' && fleet.connected ? fleet.store : undefined);
  const resetMs = () => resetMsFor(policy, cause);
  const refusal = (): Refusal => ({ service, since, reason: cause?.message ?? 'it failed' });
  const facts = () => ({
    service,
    breakerState: state(),
    scope,
    ...(cause === undefined ? {} : { error: cause.message, code: cause.code }),
  });
  const inBackground = (work: Promise<unknown>) => {
    const watched = work.catch((error: unknown) => log.warn({ ...facts(), err: error }, `breaker of ${service}: Redis did not help`));
    background.add(watched);
    void watched.finally(() => background.delete(watched));
  };

  function state(): BreakerState {
    if (local.closed) return 'closed';
    return local.trialRunning || (scope === 'fleet' && trialElsewhere) || mayTry() ? 'half-open' : 'open';
  }

  /** By a request or probe of this process: health workers come first, as long as one lives that can. */
  function mayTry(): boolean {
    if (!local.trialDue || settling || cause?.category === 'manual') return false;
    return shared() === undefined || dataPlane === undefined || fleet.healthWorkers === 0;
  }

  function tick(): void {
    if (!stopped && dataPlane !== undefined && !local.trialRunning && mayTry()) inBackground(trial({ early: false }));
  }

  function openedHere(why: BreakerCause): void {
    cause = why;
    since = Date.now();
    scope = 'local';
    settled = false;
    toldLocally = false;
    log.warn({ ...facts(), event: 'breaker-opened' }, `breaker of ${service} opened in this process: ${why.message}`);
    if (!stopped) settle();
  }

  function settle(): void {
    if (settling) return;
    settled = true;
    settling = true;
    inBackground(
      settleScope().finally(() => {
        settling = false;
        tick();
      }),
    );
  }

  /** One poisoned node doesn't close the shop: the fleet opens when another process fares no better, or there is none. */
  async function settleScope(): Promise<void> {
    try {
      await fleet.refresh();
      if (stopped) return;
      if (!fleet.connected || fleet.store === undefined) {
        settled = false;
        return tellLocally();
      }
      if (dataPlane !== undefined && fleet.others > 0 && (await fleet.secondOpinion(service)) === 'well') return tellLocally();
      const why = cause;
      if (stopped || local.closed || why === undefined) return;
      const opened = await fleet.store.open(service, why, resetMs());
      if (opened === undefined) return;
      epoch = opened;
      scope = 'fleet';
    } catch (error) {
      settled = false;
      tellLocally();
      throw error;
    }
  }

  function tellLocally(): void {
    if (local.closed || toldLocally || cause === undefined) return;
    toldLocally = true;
    tellLocal({ kind: 'breaker-opened', id: `${service}.${options.processId}.${since}`, service, since, cause });
  }

  function closedHere(by: 'trial' | 'human'): void {
    const openForMs = Date.now() - since;
    if (toldLocally && cause !== undefined) {
      const id = `${service}.${options.processId}.${since}.closed`;
      tellLocal({ kind: 'breaker-closed', id, service, openForMs, heldBack: options.heldBackAlone(), by, cause });
    }
    toldLocally = false;
    since = Date.now();
    log.info(
      { service, breakerState: state(), scope, event: 'breaker-closed' },
      `breaker of ${service} closed after ${Math.round(openForMs / 1000)} s`,
    );
  }

  async function closeInFleet(store: BreakerStore, under: { epoch: number; token?: string }): Promise<boolean> {
    const closed = await store.close(service, under);
    epoch = Math.max(epoch, closed ?? 0);
    return closed !== undefined;
  }

  function requestPass(leave: Leave): Pass {
    return {
      trial: false,
      succeeded: () => local.succeeded(leave),
      async failed(error) {
        const verdict = judge(error);
        if (verdict.kind === 'success' || verdict.kind === 'neutral') return;
        lastFailure = causeOf(verdict.error);
        if (verdict.kind === 'failure') return local.failed(leave, policy.resetMs);
        if (local.request() === leave) options.onAccountFailure(account, lastFailure);
      },
    };
  }

  async function trialPass({ deadlineMs, early, restMs }: { deadlineMs: number; early: boolean; restMs: number }): Promise<Pass> {
    const leave = local.trial();
    if (leave === undefined) throw new BreakerOpenError(refusal());
    const token = randomUUID();
    const leaseMs = deadlineMs + LEASE_MARGIN_MS;
    const store = shared();
    // Redis that fails right now leaves each process to itself.
    const under = await store?.lease(service, { token, leaseMs, early }).catch(() => 'alone' as const);
    if (store !== undefined && under === undefined) {
      local.undecided(leave);
      throw new BreakerOpenError(refusal());
    }
    const lease = store !== undefined && typeof under === 'number' ? { store, epoch: under, token } : undefined;
    return {
      trial: true,
      async succeeded() {
        if (lease !== undefined) {
          const closed = await closeInFleet(lease.store, { epoch: lease.epoch, token }).catch(() => 'alone' as const);
          // The lease ran out: somebody else is asking, and theirs counts.
          if (closed === false) return local.undecided(leave);
        }
        const wasOpen = !local.closed;
        await local.succeeded(leave);
        if (wasOpen && local.closed) closedHere('trial');
      },
      async failed(error) {
        const verdict = judge(error);
        const known = verdict.kind === 'failure' || verdict.kind === 'account-failure' ? causeOf(verdict.error) : undefined;
        if (known !== undefined) cause = known;
        const nextMs = known === undefined ? restMs : resetMs();
        if (known !== undefined || restMs > 0) await local.failed(leave, nextMs);
        else local.undecided(leave);
        log.info({ ...facts(), event: 'probe' }, `trial of ${service} ${known === undefined ? 'told nothing' : 'failed'}`);
        await lease?.store.endTrial(service, token, nextMs, known).catch(() => {});
      },
    };
  }

  async function trial({ early }: { early: boolean }): Promise<TrialResult> {
    if (dataPlane === undefined || local.closed || cause?.category === 'manual') return 'not-now';
    const { probeDeadlineMs: deadlineMs } = policy;
    let pass: Pass;
    try {
      pass = await trialPass({ deadlineMs, early, restMs: resetMs() });
    } catch (error) {
      if (error instanceof BreakerOpenError) return 'not-now';
      throw error;
    }
    try {
      const onLate = () => deadlineError(service, 'probe', deadlineMs);
      await withDeadline(dataPlane, { signal: stopping.signal, deadlineMs, onLate });
    } catch (error) {
      await pass.failed(error);
      return judge(error).kind === 'neutral' ? 'told-nothing' : 'failed';
    }
    await pass.succeeded();
    return local.closed ? 'recovered' : 'not-now';
  }

  const stopping = new AbortController();

  /** Takes over what Redis says. Every second, and at once when something changed: it only ever does what is missing. */
  function adopt(record: BreakerRecord): void {
    trialElsewhere = record.trialRunning;
    if (record.epoch < epoch) {
      // An answer that was overtaken on its way; seen twice, Redis has lost what it knew.
      if (!olderThanOurs) {
        olderThanOurs = true;
        return;
      }
      epoch = record.epoch;
      if (!local.closed && !record.open) forgotten();
    }
    olderThanOurs = false;
    if (record.epoch > epoch) {
      epoch = record.epoch;
      if (record.open) openedElsewhere(record);
      else closedElsewhere(record.closedBy);
      return;
    }
    if (record.open && record.cause !== undefined && !local.closed) {
      cause = record.cause;
      since = record.since;
      scope = 'fleet';
    }
    // It recovered while Redis was away.
    if (record.open && local.closed && fleet.store !== undefined) inBackground(closeInFleet(fleet.store, { epoch }));
    if (!record.open && !local.closed && scope === 'local' && !settled) settle();
  }

  function forgotten(): void {
    scope = 'local';
    settled = false;
  }

  function openedElsewhere(record: BreakerRecord): void {
    scope = 'fleet';
    cause = record.cause;
    since = record.since;
    toldLocally = false;
    local.open(resetMs());
    log.warn({ ...facts(), event: 'breaker-opened' }, `breaker of ${service} is open: ${cause?.message ?? ''}`);
  }

  function closedElsewhere(by: 'trial' | 'human'): void {
    if (local.closed) return;
    local.close();
    closedHere(by);
  }

  return {
    service,
    get state() {
      return state();
    },
    get since() {
      return since;
    },
    get scope() {
      return scope;
    },
    get cause() {
      return cause;
    },
    async begin({ deadlineMs }) {
      const leave = local.request();
      if (leave !== undefined) return requestPass(leave);
      if (!mayTry()) throw new BreakerOpenError(refusal());
      return trialPass({ deadlineMs, early: false, restMs: 0 });
    },
    async run(request, { deadlineMs }) {
      const pass = await this.begin({ deadlineMs });
      let result: Awaited<ReturnType<typeof request>>;
      try {
        result = await request();
      } catch (error) {
        await pass.failed(error);
        throw error;
      }
      await pass.succeeded();
      return result;
    },
    refusal,
    ticket() {
      if (local.closed) return true;
      if (dataPlane !== undefined || !mayTry() || local.trialRunning || trialElsewhere || Date.now() < ticketUntil) return false;
      ticketUntil = Date.now() + policy.probeDeadlineMs + LEASE_MARGIN_MS;
      return true;
    },
    trial,
    tick,
    adopt,
    openLocally(why) {
      if (!local.closed) return;
      cause = why;
      local.open(resetMs());
      openedHere(why);
    },
    closeByHand() {
      if (local.closed) return;
      local.close();
      closedHere('human');
    },
    async stop() {
      stopped = true;
      stopping.abort(new Error('stopping'));
      await Promise.allSettled(background);
      local.stop();
    },
  };
}

function resetMsFor(policy: BreakerPolicy, cause: BreakerCause | undefined): number {
  return cause?.category === 'auth' || cause?.category === 'quota' ? policy.slowResetMs : policy.resetMs;
}

function causeOf(error: { message: string; code: string; category: string }): BreakerCause {
  const category = error.category === 'auth' || error.category === 'quota' ? error.category : 'transient';
  return { message: error.message, code: error.code, category };
}
