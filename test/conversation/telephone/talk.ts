import { afterEach, beforeEach, expect, vi } from 'vitest';
import { type CallOptions, placeCall, type TestCall } from './place-call.ts';

/** For a whole test file, or a `describe`: every test has the clock in its hand, and leaves no timer behind. */
export function driveTheClock(): void {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
}

/** When the callee hears this, they say that, once and without hanging up, unless `more` says otherwise. */
export const rule = (heard: string, say: string, more: object = {}) => ({
  heard: new RegExp(heard, 'iu'),
  say,
  hangUp: false,
  times: 1,
  ...more,
});

/** Places a call and lets it come to its end. */
export const talk = (options: CallOptions) => toItsEnd(placeCall(options));

/** Has a call answered after 100 ms and lets it come to its end, after which nothing of it may go on. */
export async function toItsEnd(call: TestCall) {
  await vi.advanceTimersByTimeAsync(100);
  const end = await call.finish();
  expect(call.openRequests).toBe(0);
  const byAgent = end.transcript.filter(({ speaker }) => speaker === 'agent');
  return { call, end, byAgent, agent: byAgent.map(({ text }) => text) };
}
