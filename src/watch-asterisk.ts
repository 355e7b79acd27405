import type { ServiceDefinition } from './resilience/breaker.ts';
import type { Breakers } from './resilience/breakers.ts';
import { sleep } from './sleep.ts';
import type { AriConnection } from './telephony/ari-connection.ts';

export const ASTERISK = 'asterisk';

/** Between two questions to an Asterisk that was lost, until its breaker opens. Milliseconds. */
const ASK_EVERY_MS = 1_000;

/**
 * Asterisk is a service too: when its event socket is lost and it doesn't answer either, its breaker opens, and when the socket
 * is back, the breaker is tried at once. Reconnecting is the connection's own work, for ever and with growing waits.
 */
export function watchAsterisk(asterisk: AriConnection, breakers: Breakers, policy: ServiceDefinition['policy']): { stop(): void } {
  const ask = async () => void (await asterisk.getVersion());
  breakers.add(ASTERISK, { policy, dataPlane: ask, controlPlane: ask });
  const stopping = new AbortController();
  const whileLost = async () => {
    const breaker = breakers.of(ASTERISK);
    while (asterisk.state === 'lost' && breaker.state === 'closed' && !stopping.signal.aborted) {
      await breaker.run(ask, { deadlineMs: policy.probeDeadlineMs }).catch(() => {});
      await sleep(ASK_EVERY_MS, stopping.signal).catch(() => {});
    }
  };
  const unsubscribe = asterisk.onState((state) => {
    if (state === 'lost') void whileLost();
    if (state === 'connected' && breakers.of(ASTERISK).state !== 'closed') void breakers.trial(ASTERISK, { early: true });
  });
  return {
    stop() {
      unsubscribe();
      stopping.abort();
    },
  };
}
