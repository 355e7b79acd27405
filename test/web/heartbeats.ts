import type { Heartbeat, WorkerSighting } from '../../src/heartbeat/heartbeat.ts';

export const NOON = Date.UTC(2026, 10, 21, 12);

/** A call worker without a worry, except for what is given. */
export function heartbeatOf(differences: Partial<Heartbeat> = {}): Heartbeat {
  return {
    name: 'host-1',
    roles: ['call'],
    startedAt: NOON,
    draining: false,
    ari: { state: 'connected', since: NOON, lastHeardAt: NOON },
    audiosocket: 'disabled',
    activeCalls: 0,
    services: ['elevenlabs:text-to-speech', 'elevenlabs:speech-to-text', 'openai:language-model', 'hubspot'].map((service) => ({
      service,
      state: 'closed',
    })),
    ...differences,
  };
}

export const live = (differences: Partial<Heartbeat> = {}): WorkerSighting => {
  const heartbeat = heartbeatOf(differences);
  return { kind: 'live', id: `${heartbeat.name}/${heartbeat.roles.join('+')}`, heartbeat };
};

export const deliveryWorker = live({ name: 'host-9', roles: ['delivery', 'health'], ari: undefined, services: [] });
