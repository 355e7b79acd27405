import { afterEach, beforeEach, expect, vi } from 'vitest';
import type { Breakers } from '../../src/resilience/breakers.ts';
import { DEADLINE_MS, type OneProcess, oneProcess, SPEECH, send, times, unavailable } from './services.ts';

/** Breakers of single processes on a clock that the test drives; whatever it starts is stopped, and leaves no timer behind. */
export function driveClock() {
  let started: Breakers[] = [];
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(async () => {
    await Promise.all(started.map((breakers) => breakers.stop()));
    expect(vi.getTimerCount()).toBe(0);
    started = [];
    vi.useRealTimers();
  });

  function alone(...options: Parameters<typeof oneProcess>): OneProcess {
    const process = oneProcess(...options);
    started.push(process.breakers);
    return process;
  }
  /** By four failures. */
  async function opened(...options: Parameters<typeof oneProcess>): Promise<OneProcess> {
    const one = alone(...options);
    await times(4, () => send(one.breakers, unavailable()));
    expect(state(one)).toBe('open');
    return one;
  }
  return { alone, opened };
}

export const state = ({ breakers }: OneProcess, service = SPEECH) => breakers.of(service).state;
export const told = ({ changes }: OneProcess) => changes.map(({ kind, service }) => `${kind} ${service}`);

/** A request that ends when it is told to. */
export function underWay({ breakers }: OneProcess) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const ended = breakers
    .of(SPEECH)
    .run(() => promise, { deadlineMs: DEADLINE_MS })
    .catch(() => {});
  return {
    succeed() {
      resolve('late');
      return ended;
    },
    fail() {
      reject(unavailable());
      return ended;
    },
  };
}
