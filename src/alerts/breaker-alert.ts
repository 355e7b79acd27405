import type { BreakerChange } from '../resilience/breaker.ts';
import type { BreakerClosed, BreakerOpened } from './alert.ts';

/** What a breaker has to tell, as an alert. @param trunk only for a trunk's breaker. @param now Unix milliseconds. */
export function breakerAlert(change: BreakerChange, now: number, trunk?: BreakerOpened['trunk']): BreakerOpened | BreakerClosed {
  const { id, service } = change;
  if (change.kind === 'breaker-closed') {
    const { kind, openForMs, heldBack, by } = change;
    return { kind, id, service, at: now, openForMs, heldBack, by };
  }
  const { kind, since, account, scope, cause } = change;
  return { kind, id, service, since, account, scope, category: cause.category, reason: cause.message, trunk };
}
