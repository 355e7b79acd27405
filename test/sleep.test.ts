import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sleep } from '../src/sleep.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('a wait takes its time on a clock that a test drives', async () => {
  let over = false;
  const waiting = sleep(20_000).then(() => (over = true));
  await vi.advanceTimersByTimeAsync(19_999);
  expect(over).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await waiting;
});

it('a wait ends at once with the reason of the signal, and leaves no timer behind', async () => {
  const abort = new AbortController();
  const waiting = sleep(20_000, abort.signal);
  abort.abort(new Error('hung up'));
  await expect(waiting).rejects.toThrow('hung up');
  expect(vi.getTimerCount()).toBe(0);
  await expect(sleep(1, abort.signal)).rejects.toThrow('hung up');
});
