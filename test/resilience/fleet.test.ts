import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import type { ServiceDefinition } from '../../src/resilience/breaker.ts';
import { breakerPolicy } from '../../src/resilience/breaker-policy.ts';
import type { BreakersOptions } from '../../src/resilience/breakers.ts';
import { createFleetLink } from '../../src/resilience/fleet-link.ts';
import { createRetryBudget } from '../../src/resilience/retry-budget.ts';
import { startRedisProxy } from './redis-proxy.ts';
import { badKey, HEARING, type OneProcess, oneProcess, SPEECH, send, times, unavailable } from './services.ts';

const policy = { ...breakerPolicy(1_000), resetMs: 150, probeDeadlineMs: 1_000 };
const patiently = { timeout: 10_000, interval: 10 };

let prefix: string;
let cleanUp: (() => Promise<unknown>)[];
beforeEach(() => {
  prefix = `test-${randomUUID()}`;
  cleanUp = [];
});
afterEach(async () => {
  for (const act of cleanUp.reverse()) await act();
  const redis = new Redis(inject('redisUrl'));
  const left = await redis.keys(`${prefix}:*`);
  if (left.length > 0) await redis.del(...left);
  await redis.quit();
});

function connection(url = inject('redisUrl')): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  redis.on('error', () => {});
  cleanUp.push(async () => redis.disconnect());
  return redis;
}

/** Breakers with connections of their own, as another process has them. */
async function join(definition: Partial<ServiceDefinition> = {}, options: Partial<BreakersOptions> = {}): Promise<OneProcess> {
  const one = oneProcess({ policy, ...definition }, { redis: connection(), prefix, syncEveryMs: 50, ...options });
  cleanUp.push(() => one.breakers.stop());
  await one.breakers.start();
  return one;
}

const fourFail = ({ breakers }: OneProcess) => times(4, () => send(breakers, unavailable()));
const stateOf = ({ breakers }: OneProcess, service = SPEECH) => breakers.of(service).state;
const becomes = (one: OneProcess, state: string) => vi.waitFor(() => expect(stateOf(one)).toBe(state), patiently);
/** A service that is up or down for whoever probes it. */
function service(up: boolean) {
  const world = { up, probes: 0 };
  const dataPlane = async () => {
    world.probes += 1;
    if (!world.up) throw unavailable();
  };
  return { world, dataPlane };
}
const told = (...fleet: OneProcess[]) => fleet.flatMap(({ changes }) => changes.map(({ kind, scope }) => `${kind} ${scope}`));

it('where no other process is active, an opening is the fleet’s at once', async () => {
  const one = await join();
  await fourFail(one);
  await vi.waitFor(() => expect(told(one)).toEqual(['breaker-opened fleet']), patiently);
});

it('an opening that another process confirms is everybody’s, told once, and so is its end', async () => {
  const { world, dataPlane } = service(false);
  const fleet = await Promise.all([join({ dataPlane }), join({ dataPlane }), join({ dataPlane })]);
  const [first] = fleet;
  await vi.waitFor(async () => expect(await connection().zcard(`${prefix}:breaker-processes`)).toBe(3), patiently);
  await fourFail(first);
  for (const one of fleet) await vi.waitFor(() => expect(one.breakers.of(SPEECH)).toMatchObject({ scope: 'fleet' }), patiently);
  await vi.waitFor(() => expect(told(...fleet)).toEqual(['breaker-opened fleet']), patiently);
  await vi.waitFor(() => expect(new Set(fleet.map(({ breakers }) => breakers.of(SPEECH).since)).size).toBe(1), patiently);
  world.up = true;
  for (const one of fleet) await becomes(one, 'closed');
  await vi.waitFor(() => expect(told(...fleet).sort()).toEqual(['breaker-closed fleet', 'breaker-opened fleet']), patiently);
  // The windows of all of them began anew.
  for (const { breakers } of fleet) await times(3, () => send(breakers, unavailable()));
  expect(fleet.map((one) => stateOf(one))).toEqual(['closed', 'closed', 'closed']);
});

it('one poisoned node does not close the shop: it stays out alone and comes back by its own trial', async () => {
  const { world, dataPlane } = service(true);
  const poisoned = service(false);
  const other = await join({ dataPlane });
  const one = await join({ dataPlane: poisoned.dataPlane });
  await fourFail(one);
  await vi.waitFor(() => expect(told(one)).toEqual(['breaker-opened local']), patiently);
  expect(world.probes).toBe(1);
  expect(stateOf(other)).toBe('closed');
  expect(one.breakers.refusing([SPEECH])).toMatchObject({ service: SPEECH });
  poisoned.world.up = true;
  await becomes(one, 'closed');
  await vi.waitFor(() => expect(told(one, other)).toEqual(['breaker-opened local', 'breaker-closed local']), patiently);
});

it('one process alone gives the second opinion', async () => {
  const { world, dataPlane } = service(true);
  const one = await join({ dataPlane: service(false).dataPlane });
  await Promise.all([join({ dataPlane }), join({ dataPlane }), join({ dataPlane })]);
  await vi.waitFor(async () => expect(await connection().zcard(`${prefix}:breaker-processes`)).toBe(4), patiently);
  await fourFail(one);
  await vi.waitFor(() => expect(told(one)).toEqual(['breaker-opened local']), patiently);
  expect(world.probes).toBe(1);
});

it('bad credentials open the breakers of the account for the fleet', async () => {
  const one = await join();
  const other = await join();
  await send(one.breakers, badKey());
  await becomes(other, 'open');
  await vi.waitFor(() => expect(stateOf(other, HEARING)).toBe('open'), patiently);
});

it('a process that starts during an outage knows of it before its first call', async () => {
  const one = await join({ policy: { ...policy, resetMs: 60_000 } });
  await fourFail(one);
  await vi.waitFor(() => expect(told(one)).toHaveLength(1), patiently);
  const late = await join({ policy: { ...policy, resetMs: 60_000 } });
  expect(late.breakers.of(SPEECH)).toMatchObject({ state: 'open', scope: 'fleet', cause: { code: 'http-503' } });
  expect(Math.abs(late.breakers.of(SPEECH).since - one.breakers.of(SPEECH).since)).toBeLessThan(2_000);
  expect(late.changes).toEqual([]);
});

it('a human opens and closes one from any machine, and no trial interferes', async () => {
  const { world, dataPlane } = service(true);
  const [one, other] = await Promise.all([join({ dataPlane }), join({ dataPlane })]);
  await one.breakers.open(SPEECH, 'maintenance');
  await becomes(other, 'open');
  expect(other.breakers.refusing([SPEECH])).toMatchObject({ reason: 'maintenance' });
  expect(await other.breakers.trial(SPEECH, { early: true })).toBe('not-now');
  expect(world.probes).toBe(0);
  await other.breakers.close(SPEECH);
  await becomes(one, 'closed');
  await vi.waitFor(() => expect(told(one, other).sort()).toEqual(['breaker-closed fleet', 'breaker-opened fleet']), patiently);
});

it('the calls that any process held back are counted once each and told with the recovery', async () => {
  const { world, dataPlane } = service(false);
  const [one, other] = await Promise.all([join({ dataPlane }), join({ dataPlane })]);
  await fourFail(one);
  for (const each of [one, other]) await vi.waitFor(() => expect(each.breakers.of(SPEECH).scope).toBe('fleet'), patiently);
  for (const call of ['a', 'b', 'c']) one.breakers.heldBack(SPEECH, call);
  for (const call of ['c', 'd']) other.breakers.heldBack(SPEECH, call);
  await vi.waitFor(async () => expect(await connection().pfcount(`${prefix}:breaker-held:${SPEECH}`)).toBe(4), patiently);
  world.up = true;
  await becomes(one, 'closed');
  await vi.waitFor(() => expect(told(one, other)).toHaveLength(2), patiently);
  const closed = [...one.changes, ...other.changes].find(({ kind }) => kind === 'breaker-closed');
  expect(closed).toMatchObject({ heldBack: 4, by: 'trial' });
});

it('while a health worker lives, the trials are left to it; when it is gone, the others make their own', async () => {
  const { world, dataPlane } = service(false);
  const health = await join({ dataPlane: async () => Promise.reject(unavailable()) }, { healthWorker: true });
  const one = await join({ dataPlane });
  await fourFail(one);
  for (const each of [one, health]) await vi.waitFor(() => expect(each.breakers.of(SPEECH).scope).toBe('fleet'), patiently);
  world.up = true;
  expect(await health.breakers.trial(SPEECH, { early: true })).toBe('failed');
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(world.probes).toBe(0);
  expect(stateOf(one)).toBe('open');
  await health.breakers.stop();
  await becomes(one, 'closed');
  expect(world.probes).toBe(1);
});

it('a health worker’s success closes it everywhere', async () => {
  const { world, dataPlane } = service(false);
  const health = await join({ dataPlane }, { healthWorker: true });
  const one = await join({ policy: { ...policy, resetMs: 60_000 }, dataPlane });
  await fourFail(one);
  for (const each of [one, health]) await vi.waitFor(() => expect(each.breakers.of(SPEECH).scope).toBe('fleet'), patiently);
  world.up = true;
  expect(await health.breakers.trial(SPEECH, { early: true })).toBe('recovered');
  await becomes(one, 'closed');
});

it.each(['cut', 'frozen'] as const)('with Redis %s each process decides alone, and of one mind again when it is back', async (how) => {
  const proxy = await startRedisProxy(inject('redisUrl'));
  cleanUp.push(() => proxy.stop());
  const { world, dataPlane } = service(false);
  const one = await join({ dataPlane }, { redis: connection(proxy.url) });
  const other = await join({ dataPlane });
  proxy.become(how);
  await fourFail(one);
  await vi.waitFor(() => expect(told(one)).toEqual(['breaker-opened local']), patiently);
  expect(stateOf(other)).toBe('closed');
  expect(await send(one.breakers)).toBe('breaker-open');
  if (how === 'frozen') proxy.become('cut');
  proxy.become('up');
  await becomes(other, 'open');
  await vi.waitFor(() => expect(told(one, other).sort()).toEqual(['breaker-opened fleet', 'breaker-opened local']), patiently);
  world.up = true;
  for (const each of [one, other]) await becomes(each, 'closed');
});

it('one that recovered while Redis was away closes the fleet’s when it is back', async () => {
  const proxy = await startRedisProxy(inject('redisUrl'));
  cleanUp.push(() => proxy.stop());
  const { world, dataPlane } = service(false);
  const one = await join({ dataPlane }, { redis: connection(proxy.url) });
  const other = await join({ dataPlane, policy: { ...policy, resetMs: 60_000 } });
  await fourFail(one);
  for (const each of [one, other]) await vi.waitFor(() => expect(each.breakers.of(SPEECH).scope).toBe('fleet'), patiently);
  proxy.become('cut');
  world.up = true;
  await becomes(one, 'closed');
  expect(stateOf(other)).not.toBe('closed');
  proxy.become('up');
  await becomes(other, 'closed');
});

it('a Redis that forgot everything does not close what is broken', async () => {
  const { dataPlane } = service(false);
  const one = await join({ dataPlane, policy: { ...policy, resetMs: 60_000 } });
  await fourFail(one);
  await vi.waitFor(() => expect(one.breakers.of(SPEECH).scope).toBe('fleet'), patiently);
  await connection().del(`${prefix}:breaker:${SPEECH}`);
  await vi.waitFor(async () => expect(await connection().hget(`${prefix}:breaker:${SPEECH}`, 'state')).toBe('open'), patiently);
  expect(stateOf(one)).not.toBe('closed');
});

it('what one process could not tell is told by another, under the same name', { timeout: 30_000 }, async () => {
  const ids: string[] = [];
  const one = await join(
    {},
    {
      onChange: ({ id }) => {
        ids.push(id);
        throw new Error('the alert could not be queued');
      },
    },
  );
  await fourFail(one);
  await vi.waitFor(() => expect(ids).toHaveLength(1), patiently);
  await one.breakers.stop();
  const other = await join();
  await vi.waitFor(() => expect(other.changes).toMatchObject([{ kind: 'breaker-opened', id: ids[0] }]), { timeout: 20_000 });
});

it('the retry budget is one for the fleet', async () => {
  const connections = [connection(), connection()];
  await Promise.all(connections.map((redis) => redis.ping()));
  const [one, other] = connections.map((redis) => createRetryBudget({ redis, prefix }));
  if (one === undefined || other === undefined) return;
  await times(6, () => one.allows(SPEECH));
  const left = await Promise.all(Array.from({ length: 6 }, () => other.allows(SPEECH)));
  expect(left.filter(Boolean)).toHaveLength(4);
});

it('a process that did not run for a while does not take Redis for gone', async () => {
  const errors: unknown[] = [];
  const link = createFleetLink({
    ...{ redis: connection(), prefix, processId: 'one', services: [SPEECH], healthWorker: false, syncEveryMs: 60_000 },
    ...{ probeFor: undefined, probePatienceMs: () => 0, onRecords() {}, tell: undefined },
    onError: (error) => errors.push(error),
  });
  cleanUp.push(() => link.stop());
  await link.start();
  const looking = link.refresh();
  // The question is on its way; the answer comes while nobody reads, and the time for it is up when somebody does.
  for (const end = performance.now() + 1_700; performance.now() < end; );
  await looking;
  expect([link.connected, errors]).toEqual([true, []]);
});
