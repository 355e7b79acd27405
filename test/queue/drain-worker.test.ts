import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { drainWorker } from '../../src/queue/drain-worker.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function drain(callsEndAfterMs: number | ((leave: AbortSignal) => Promise<void>)) {
  const leave = new AbortController();
  const warned: string[] = [];
  const close =
    typeof callsEndAfterMs === 'number'
      ? () => new Promise<void>((resolve) => void setTimeout(resolve, callsEndAfterMs))
      : () => callsEndAfterMs(leave.signal);
  const log = { warn: (_facts: object, message: string) => void warned.push(message) };
  const since = Date.now();
  const done = drainWorker({ worker: { close }, leave, timeoutMs: 60_000, farewellMs: 10_000, log }).then(() => Date.now() - since);
  return { leave, warned, done };
}

it('calls that end within the time are not cut, and the process goes as soon as they are over', async () => {
  const { leave, done, warned } = drain(59_000);
  await vi.advanceTimersByTimeAsync(59_000);
  expect(await done).toBe(59_000);
  expect([leave.signal.aborted, warned]).toEqual([false, []]);
});

it('calls that go on longer are told to end when the time is up, and are waited for', async () => {
  const { leave, done } = drain(
    (signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => setTimeout(resolve, 5_000));
      }),
  );
  await vi.advanceTimersByTimeAsync(59_999);
  expect(leave.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(5_001);
  expect(await done).toBe(65_000);
});

it('a call that does not even come to a goodbye is left to another worker', async () => {
  const { done, warned } = drain(() => new Promise<void>(() => {}));
  await vi.advanceTimersByTimeAsync(70_000);
  expect(await done).toBe(70_000);
  expect(warned.at(-1)).toMatch(/another worker will write down/);
});
