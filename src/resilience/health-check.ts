import type { BreakerLog, ServiceDefinition } from './breaker.ts';
import { judge } from './breaker-policy.ts';
import type { Breakers } from './breakers.ts';
import { deadlineError, withDeadline } from './deadline.ts';

/** What a check found, one word for each service: kept with its job. */
export type HealthFinding =
  | 'well'
  /** It was open and is closed again, for everybody. */
  | 'recovered'
  | 'failed'
  /** A rate limit, or a bad request of ours. */
  | 'told-nothing'
  /** Another trial runs, its time hasn't come, or a human holds it open. */
  | 'not-now'
  /** Nothing to ask it with: the next call is its trial. */
  | 'no-probe';

export interface HealthCheckOptions {
  breakers: Pick<Breakers, 'of' | 'trial' | 'services'>;
  log: BreakerLog;
}

/** Asks every service once, all at the same time. Resolves with what it found; rejects only when the signal aborts. */
export type CheckServices = (signal: AbortSignal) => Promise<Record<string, HealthFinding>>;

export function createHealthChecks(options: HealthCheckOptions): CheckServices {
  const doubts = new Map<string, number>();
  return async (signal) => {
    const entries = Object.entries(options.breakers.services).map(async ([service, definition]) => {
      const finding = await checkService({ ...options, doubts, service, definition }, signal);
      return [service, finding] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  };
}

interface OneCheck extends HealthCheckOptions {
  /** Checks in a row that found a closed service broken. */
  doubts: Map<string, number>;
  service: string;
  definition: ServiceDefinition;
}

async function checkService(check: OneCheck, signal: AbortSignal): Promise<HealthFinding> {
  const { breakers, service, log } = check;
  const breaker = breakers.of(service);
  const finding = breaker.state === 'closed' ? await checkClosed(check, signal) : await tryOpen(check);
  signal.throwIfAborted();
  const error = finding === 'failed' && breaker.cause ? { error: breaker.cause.message } : {};
  const facts = { service, breakerState: breaker.state, finding, ...error };
  if (finding === 'not-now') log.info(facts, `health check of ${service}: ${finding}`);
  else if (finding !== 'well' && finding !== 'no-probe') log.info({ ...facts, event: 'probe' }, `health check of ${service}: ${finding}`);
  return finding;
}

/** Bad credentials and spent quota wait for a human: their trials keep to their own, slower, time. */
async function tryOpen({ breakers, service, definition }: OneCheck): Promise<HealthFinding> {
  if (definition.dataPlane === undefined) return 'no-probe';
  const category = breakers.of(service).cause?.category;
  return breakers.trial(service, { early: category === 'transient' });
}

/**
 * The control plane is free, and not what calls use: it may be well while they fail, and fail (a key without the right to
 * see its own account) while they go well. So its failure only raises a doubt, which one request on the data plane settles.
 */
async function checkClosed(check: OneCheck, signal: AbortSignal): Promise<HealthFinding> {
  const { definition, doubts, service } = check;
  const { controlPlane, dataPlane } = definition;
  if (controlPlane === undefined) return dataPlane === undefined ? 'no-probe' : 'well';
  const free = await ask(check, controlPlane, signal);
  if (!('error' in free) || dataPlane === undefined) {
    doubts.delete(service);
    return free.finding;
  }
  const settled = await ask(check, dataPlane, signal);
  if ('error' in settled) await countDoubt(check, settled.error);
  else doubts.delete(service);
  return settled.finding;
}

/**
 * Checks don't count among the failures in a row of calls: a call that is being retried would find its breaker opened by
 * somebody else's requests, one or two short of its own four. Only as many checks in a row, or an error of the account,
 * open the breaker of a service that nobody calls.
 */
async function countDoubt({ breakers, doubts, service, definition }: OneCheck, error: unknown): Promise<void> {
  const { failuresInRow, probeDeadlineMs: deadlineMs } = definition.policy;
  const count = (doubts.get(service) ?? 0) + 1;
  doubts.set(service, count);
  const breaker = breakers.of(service);
  if (judge(error).kind !== 'account-failure' && count < failuresInRow) return;
  for (let n = 0; n < failuresInRow && breaker.state === 'closed'; n++) {
    await breaker.run(() => Promise.reject(error), { deadlineMs }).catch(() => {});
  }
  doubts.delete(service);
}

type Answer = { finding: 'well' | 'told-nothing' } | { finding: 'failed'; error: unknown };

async function ask(
  { definition, service, log }: OneCheck,
  probe: NonNullable<ServiceDefinition['controlPlane']>,
  signal: AbortSignal,
): Promise<Answer> {
  const { probeDeadlineMs: deadlineMs } = definition.policy;
  try {
    await withDeadline(probe, { signal, deadlineMs, onLate: () => deadlineError(service, 'health check', deadlineMs) });
    return { finding: 'well' };
  } catch (error) {
    log.warn({ service, error: error instanceof Error ? error.message : String(error) }, `a health check of ${service} failed`);
    return judge(error).kind === 'neutral' ? { finding: 'told-nothing' } : { finding: 'failed', error };
  }
}
