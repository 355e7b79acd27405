import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFramePacer } from '../../src/media/frame-pacer.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function pacer() {
  // Of the machine's clock, which a test can stop while timers wait.
  let lateMs = 0;
  const failures: unknown[] = [];
  const made = createFramePacer({ onFailure: (error) => failures.push(error), now: () => performance.now() + lateMs });
  return {
    ...made,
    failures,
    /** The event loop does nothing for so long. */
    stall(ms: number) {
      lateMs += ms;
    },
  };
}

test('late timers do not add up: after a minute of them not a frame is missing', () => {
  const { onFrame, stall } = pacer();
  let frames = 0;
  const stop = onFrame(() => {
    frames += 1;
    // Every timer fires 7 ms late.
    stall(7);
  });
  const began = performance.now();
  while (frames < 3_000) vi.advanceTimersToNextTimer();
  const elapsedMs = performance.now() - began + frames * 7;
  expect(Math.abs(elapsedMs - 60_000)).toBeLessThanOrEqual(40);
  stop();
});

test('after a stall at most three frames go out at once, and the pace is kept from there', () => {
  const { onFrame, stall } = pacer();
  let frames = 0;
  const stop = onFrame(() => {
    frames += 1;
  });
  vi.advanceTimersByTime(20);
  expect(frames).toBe(1);
  stall(500);
  vi.advanceTimersToNextTimer();
  expect(frames).toBe(4);
  vi.advanceTimersByTime(200);
  expect(frames).toBe(14);
  stop();
});

test('a listener that throws is told of, and the others keep their pace', () => {
  const { onFrame, failures } = pacer();
  let frames = 0;
  const stops = [
    onFrame(() => {
      throw new Error('broken');
    }),
    onFrame(() => {
      frames += 1;
    }),
  ];
  vi.advanceTimersByTime(100);
  expect(frames).toBe(5);
  expect(failures.length).toBe(5);
  for (const stop of stops) stop();
});

test('runs only while somebody listens, also when the last one leaves and the next one comes within a beat', () => {
  const { onFrame } = pacer();
  let frames = 0;
  let stopSecond = () => {};
  const stopFirst = onFrame(() => {
    stopFirst();
    stopFirst();
    stopSecond = onFrame(() => {
      frames += 1;
    });
  });
  vi.advanceTimersByTime(220);
  expect(frames).toBeGreaterThanOrEqual(10);
  expect(frames).toBeLessThanOrEqual(11);
  expect(vi.getTimerCount()).toBe(1);
  stopSecond();
  vi.advanceTimersByTime(40);
  expect(vi.getTimerCount()).toBe(0);
});
