import { TransientError } from './errors.ts';
import { systemEvent } from './log-facts.ts';
import type { Logger } from './logger.ts';
import type { Breakers } from './resilience/breakers.ts';
import { sleep } from './sleep.ts';
import type { AriConnection } from './telephony/ari-connection.ts';

const PREFIX = 'trunk:';

/** The name of a trunk's breaker: `trunk:PJSIP/my-carrier`. */
export function trunkService(trunk: string): string {
  return `${PREFIX}${trunk}`;
}

export interface TrunkWatchOptions {
  asterisk: Pick<AriConnection, 'endpointState' | 'state'>;
  breakers: Pick<Breakers, 'of' | 'list' | 'services'>;
  /** Between two looks. Milliseconds. */
  everyMs: number;
  log: Pick<Logger, 'info' | 'warn'>;
}

export interface TrunkWatch {
  /** Since when Asterisk says that the trunk of this service is offline; undefined while it doesn't. Unix milliseconds. */
  offlineSince(service: string): number | undefined;
  stop(): void;
}

/**
 * Asks Asterisk for the state of every trunk that was ever dialled over: where its own check (`qualify_frequency`) gets no answer, every call
 * would fail, so none is tried, and a trial call is made only over a trunk that is there. One look may be a lost packet; the second opens the breaker.
 */
export function watchTrunks({ asterisk, breakers, everyMs, log }: TrunkWatchOptions): TrunkWatch {
  const offline = new Map<string, number>();
  const stopping = new AbortController();

  async function look(service: string): Promise<void> {
    const [technology = '', resource = ''] = service.slice(PREFIX.length).split('/');
    const state = await asterisk.endpointState(technology, resource).catch(() => undefined);
    const breaker = breakers.of(service);
    const facts = { service, breakerState: breaker.state };
    if (state === 'offline' && !offline.has(service)) {
      offline.set(service, Date.now());
      systemEvent(log, { ...facts, event: 'trunk-offline', error: offlineError(service).message }, `${service} is offline`);
    } else if (state === 'offline') {
      await openBreaker(service);
    } else if (state !== undefined && offline.delete(service)) {
      systemEvent(log, { ...facts, event: 'trunk-online' }, `Asterisk reaches ${service} again`);
    }
  }

  async function openBreaker(service: string): Promise<void> {
    const breaker = breakers.of(service);
    const { failuresInRow = 0, probeDeadlineMs: deadlineMs = 0 } = breakers.services[service]?.policy ?? {};
    for (let n = 0; n < failuresInRow && breaker.state === 'closed'; n++)
      await breaker.run(() => Promise.reject(offlineError(service)), { deadlineMs }).catch(() => {});
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const trunks = breakers.list().filter(({ service }) => service.startsWith(PREFIX));
      if (asterisk.state === 'connected') await Promise.all(trunks.map(({ service }) => look(service)));
      await sleep(everyMs, stopping.signal).catch(() => {});
    }
  }

  void run();
  return { offlineSince: (service) => offline.get(service), stop: () => stopping.abort() };
}

function offlineError(service: string): TransientError {
  const message = `Asterisk reaches nobody at ${service.slice(PREFIX.length)}: its check (qualify) gets no answer`;
  return new TransientError(message, { service, code: 'trunk-offline', category: 'transient' });
}
