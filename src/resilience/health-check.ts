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
export async function checkServices(options: HealthCheckOptions, signal: AbortSignal): Promise<Record<string, HealthFinding>> {
  const entries = Object.entries(options.breakers.services).map(async ([service, definition]) => {
    const finding = await checkService({ ...options, service, definition }, signal);
    return [service, finding] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

interface OneCheck extends HealthCheckOptions {
  service: string;
  definition: ServiceDefinition;
}

async function checkService(check: OneCheck, signal: AbortSignal): Promise<HealthFinding> {
  const { breakers, service, log } = check;
  const breaker = breakers.of(service);
  const finding = breaker.state === 'closed' ? await checkClosed(check, signal) : await tryOpen(check);
  signal.throwIfAborted();
  const facts = {
    service,
    breaker: breaker.state,
    finding,
    ...(finding === 'failed' && breaker.cause ? { error: breaker.cause.message } : {}),
  };
  if (finding !== 'well' && finding !== 'no-probe') log.info(facts, `health check of ${service}: ${finding}`);
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
  const { definition, breakers, service } = check;
  const { controlPlane, dataPlane } = definition;
  if (controlPlane === undefined) return dataPlane === undefined ? 'no-probe' : 'well';
  const free = await ask(check, controlPlane, signal);
  if (free !== 'failed' || dataPlane === undefined) return free;
  const { probeDeadlineMs: deadlineMs } = definition.policy;
  const request = () => withDeadline(dataPlane, { signal, deadlineMs, onLate: () => deadlineError(service, 'probe', deadlineMs) });
  return breakers
    .of(service)
    .run(request, { deadlineMs })
    .then(() => 'well' as const)
    .catch((error: unknown) => findingOf(error));
}

async function ask(
  { breakers, definition, service, log }: OneCheck,
  probe: NonNullable<ServiceDefinition['controlPlane']>,
  signal: AbortSignal,
): Promise<HealthFinding> {
  const { probeDeadlineMs: deadlineMs } = definition.policy;
  try {
    await withDeadline(probe, { signal, deadlineMs, onLate: () => deadlineError(service, 'control plane', deadlineMs) });
    return 'well';
  } catch (error) {
    log.warn(
      { event: 'probe', service, breakerState: breakers.of(service).state, error: error instanceof Error ? error.message : String(error) },
      `the control plane of ${service} failed`,
    );
    return findingOf(error);
  }
}

function findingOf(error: unknown): HealthFinding {
  return judge(error).kind === 'neutral' ? 'told-nothing' : 'failed';
}
