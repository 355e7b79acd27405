import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ServiceDefinition } from '../../src/resilience/breaker.ts';
import type { Breakers } from '../../src/resilience/breakers.ts';
import { type CheckServices, createHealthChecks } from '../../src/resilience/health-check.ts';
import { badKey, badRequest, oneProcess, quiet, SPEECH, send, times, unavailable } from './services.ts';

let breakers: Breakers;
let checks: CheckServices;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await breakers.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A service whose two planes answer as told, and count. */
function service(definition: Partial<ServiceDefinition> = {}) {
  const world = { control: undefined as Error | undefined, data: undefined as Error | undefined, controls: 0, probes: 0 };
  const changes = oneProcess({
    controlPlane: async () => {
      world.controls += 1;
      if (world.control !== undefined) throw world.control;
    },
    dataPlane: async () => {
      world.probes += 1;
      if (world.data !== undefined) throw world.data;
    },
    ...definition,
  });
  ({ breakers } = changes);
  checks = createHealthChecks({ breakers, log: quiet });
  return world;
}
const check = async () => (await checks(new AbortController().signal))[SPEECH];
const state = () => breakers.of(SPEECH).state;

it('while the breaker is closed, only the free control plane is asked', async () => {
  const world = service();
  expect(await check()).toBe('well');
  expect(world).toMatchObject({ controls: 1, probes: 0 });
});

it('while it is open, the data plane is asked, and one success closes it', async () => {
  const world = service();
  world.data = unavailable();
  await times(4, () => send(breakers, unavailable()));
  expect(await check()).toBe('failed');
  expect(state()).toBe('open');
  world.data = undefined;
  expect(await check()).toBe('recovered');
  expect(state()).toBe('closed');
  expect(world).toMatchObject({ controls: 0, probes: 2 });
  await times(3, () => send(breakers, unavailable()));
  expect(state()).toBe('closed');
});

it('a control plane that is well closes nothing', async () => {
  const world = service();
  world.data = unavailable();
  await times(4, () => send(breakers, unavailable()));
  await times(5, check);
  expect(state()).toBe('open');
});

it('a control plane that fails opens nothing while the data plane is well', async () => {
  const world = service();
  world.control = badKey();
  await times(10, check);
  expect(state()).toBe('closed');
  expect(world.probes).toBe(10);
});

it('a service that nobody calls is found to be broken by its checks', async () => {
  const world = service();
  world.control = unavailable();
  world.data = unavailable();
  await times(4, check);
  expect(state()).toBe('open');
});

it('checks do not count among the failures of a call: its own four requests open the breaker', async () => {
  const world = service();
  world.control = unavailable();
  world.data = unavailable();
  await check();
  await times(3, () => send(breakers, unavailable()));
  await check();
  expect(state()).toBe('closed');
  await send(breakers, unavailable());
  expect(state()).toBe('open');
});

it('a key that was withdrawn opens the breaker at the next check', async () => {
  const world = service();
  world.control = badKey();
  world.data = badKey();
  expect(await check()).toBe('failed');
  expect(state()).toBe('open');
});

it('a bad request of ours in a check tells nothing', async () => {
  const world = service();
  world.data = badRequest();
  await times(4, () => send(breakers, unavailable()));
  expect(await check()).toBe('told-nothing');
  expect(state()).toBe('open');
});

it('a check that hangs ends at its deadline', async () => {
  service({ controlPlane: () => new Promise(() => {}), dataPlane: () => new Promise(() => {}) });
  const finding = check();
  await vi.advanceTimersByTimeAsync(16_000);
  expect(await finding).toBe('failed');
});

it('a service without a probe is left to its calls', async () => {
  service({ controlPlane: undefined, dataPlane: undefined });
  expect(await check()).toBe('no-probe');
  await times(4, () => send(breakers, unavailable()));
  expect(await check()).toBe('no-probe');
});
