import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFrameClock } from '../../../src/sandbox/asterisk/frame-clock.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('the clock of all calls', () => {
  it('gives fifty frames a second to every call, from one timer, without drifting', () => {
    const clock = createFrameClock();
    let one = 0;
    let two = 0;
    clock.onFrame(() => one++);
    clock.onFrame(() => two++);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect([one, two]).toEqual([3_000, 3_000]);
    clock.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('makes up for frames missed in a stall, but not for more than five seconds of them', () => {
    const clock = createFrameClock();
    let frames = 0;
    clock.onFrame(() => frames++);
    vi.advanceTimersByTime(100);
    const stall = (ms: number) => {
      const before = frames;
      const now = performance.now();
      const later = vi.spyOn(performance, 'now').mockReturnValue(now + ms);
      vi.advanceTimersByTime(20);
      later.mockRestore();
      return frames - before;
    };
    expect(stall(200)).toBe(10);
    expect(stall(60_000)).toBeLessThanOrEqual(251);
    clock.stop();
  });

  it('stands still when nobody listens, and starts again', () => {
    const clock = createFrameClock();
    let frames = 0;
    const remove = clock.onFrame(() => frames++);
    vi.advanceTimersByTime(100);
    remove();
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(0);
    expect(frames).toBe(5);
    clock.onFrame(() => frames++);
    vi.advanceTimersByTime(40);
    expect(frames).toBe(7);
    clock.stop();
  });
});
