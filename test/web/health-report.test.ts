import { expect, it } from 'vitest';
import type { ServiceConnection, WorkerSighting } from '../../src/heartbeat/heartbeat.ts';
import { reportHealth } from '../../src/web/health-report.ts';
import { deliveryWorker, heartbeatOf, live, NOON } from './heartbeats.ts';

const report = (...workers: WorkerSighting[]) => reportHealth({ workers, redis: 'connected', readAt: NOON });
const lostAri = { state: 'lost', since: NOON, lastHeardAt: NOON - 12_000 } as const;
const servicesWith = (...changed: ServiceConnection[]) => [
  ...heartbeatOf().services.filter(({ service }) => changed.every((one) => one.service !== service)),
  ...changed,
];
const noVoice: ServiceConnection = {
  service: 'elevenlabs:text-to-speech',
  state: 'open',
  since: NOON - 60_000,
  lastError: { code: '503', message: 'ElevenLabs answered 503' },
};

it('with everything well, the answer has the documented shape', () => {
  const health = report(live(), deliveryWorker);
  expect(health).toMatchObject({
    status: 'healthy',
    reasons: [],
    asOf: '2026-11-21T12:00:00.000Z',
    dependencies: { ari: 'connected', audiosocket: 'disabled', ai_provider: 'connected', redis: 'connected' },
  });
  expect(Object.keys(health).slice(0, 2)).toEqual(['status', 'dependencies']);
  expect(Object.keys(health.dependencies).slice(0, 3)).toEqual(['ari', 'audiosocket', 'ai_provider']);
});

it.each<[string, WorkerSighting[], RegExp]>([
  ['there is no call worker', [deliveryWorker], /No call worker is alive.*npm run worker:call/],
  ['no call worker has its Asterisk', [live({ ari: lostAri }), deliveryWorker], /not connected to Asterisk \(lost since 2026-11-21T12:00/],
  ['the voice is broken for all', [live({ services: servicesWith(noVoice) }), deliveryWorker], /text-to-speech.*open since .*503/],
  [
    'the voice is only being tried',
    [live({ services: servicesWith({ ...noVoice, state: 'half-open' }) }), deliveryWorker],
    /text-to-speech.*half-open/,
  ],
  ['Asterisk answers no requests', [live({ services: servicesWith({ service: 'asterisk', state: 'open' }) }), deliveryWorker], /asterisk/],
  ['the only trunk is broken', [live({ services: servicesWith({ service: 'trunk:main', state: 'open' }) }), deliveryWorker], /trunk:main/],
  ['every call worker drains', [live({ draining: true }), deliveryWorker], /draining/],
  [
    'the only call worker was lost',
    [{ kind: 'lost', id: 'host-1/call', lastSeenAt: NOON }, deliveryWorker],
    /host-1 has not been heard of/,
  ],
])('unhealthy, because no call can be placed: %s', (_, workers, reason) => {
  const health = report(...workers);
  expect(health.status).toBe('unhealthy');
  expect(health.reasons.join('\n')).toMatch(reason);
});

it.each<[string, WorkerSighting[], RegExp]>([
  [
    'another voice speaks',
    [live({ services: [...servicesWith(noVoice), { service: 'openai:text-to-speech', state: 'closed' }] }), deliveryWorker],
    /text-to-speech/,
  ],
  ['the CRM is down', [live({ services: servicesWith({ service: 'hubspot', state: 'open' }) }), deliveryWorker], /hubspot/],
  ['one of two workers lost its Asterisk', [live(), live({ name: 'host-2', ari: lostAri }), deliveryWorker], /host-2 is not connected/],
  [
    'one of two workers was lost',
    [live(), { kind: 'lost', id: 'host-2/call', lastSeenAt: NOON }, deliveryWorker],
    /host-2 has not been heard/,
  ],
  [
    'one of two trunks is broken',
    [live({ services: servicesWith({ service: 'trunk:a', state: 'closed' }, { service: 'trunk:b', state: 'open' }) }), deliveryWorker],
    /trunk:b/,
  ],
  ['nobody delivers', [live()], /No delivery worker/],
  ['nobody checks the services', [live({ roles: ['call', 'delivery'] })], /No health worker/],
  ['an audio session is silent', [live({ audiosocket: 'stale' }), deliveryWorker], /AudioSocket session/],
])('degraded, because calls go on: %s', (_, workers, reason) => {
  const health = report(...workers);
  expect(health.status).toBe('degraded');
  expect(health.reasons.join('\n')).toMatch(reason);
});

it('a worker that lacks Asterisk and one that lacks the voice place no call between them', () => {
  const health = report(live({ ari: lostAri }), live({ name: 'host-2', services: servicesWith(noVoice) }), deliveryWorker);
  expect(health.status).toBe('unhealthy');
  expect(health.dependencies).toMatchObject({ ari: 'partial', ai_provider: 'partial' });
});

it('a breaker that only some workers see open is told with their names', () => {
  const { services } = report(live(), live({ name: 'host-2', services: servicesWith(noVoice) }), deliveryWorker).dependencies;
  expect(services['elevenlabs:text-to-speech']).toEqual({
    state: 'open',
    since: '2026-11-21T11:59:00.000Z',
    lastError: { code: '503', message: 'ElevenLabs answered 503' },
    seenBy: ['host-2'],
  });
  expect(services.hubspot).toEqual({ state: 'closed', since: undefined });
});

it('with Redis gone it is unhealthy, and says from when its news of the workers is', () => {
  const health = reportHealth({ workers: [live(), deliveryWorker], redis: 'disconnected', readAt: NOON });
  expect(health).toMatchObject({ status: 'unhealthy', dependencies: { ari: 'connected', redis: 'disconnected' } });
  expect(health.reasons.join('\n')).toMatch(/Redis can't be used.*does not answer.*last read at 2026-11-21T12:00/);
});

it('while Redis takes nothing no worker is called lost for that, and the reason is the one that can be mended', () => {
  const health = reportHealth({
    workers: [live({ name: 'host-2' }), { kind: 'lost', id: 'host-1/call', lastSeenAt: NOON }],
    ...{ redis: 'read-only', redisTrouble: 'Its memory is full: raise maxmemory, or make room.', readAt: NOON },
  });
  expect(health).toMatchObject({ status: 'unhealthy', dependencies: { redis: 'read-only' } });
  expect(health.reasons).toEqual([
    "Redis can't be written: no new call begins, calls that have begun go on. Its memory is full: raise maxmemory, or make room.",
  ]);
});
