import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noteWhileTheyTalk } from '../../src/call/put-through.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** A ledger that refuses so many times. */
function ledger(refusals: number) {
  const told: unknown[] = [];
  let asked = 0;
  const note = async () => {
    asked++;
    if (asked <= refusals) throw new Error('MISCONF the disk is full');
    return true;
  };
  return { note, onWait: (error: unknown) => void told.push(error), told, asked: () => asked };
}

describe('to whom a callee was put through, with a ledger that refuses', () => {
  it('is written down as soon as it takes it, and the log hears of it once', async () => {
    const { note, onWait, told, asked } = ledger(3);
    const noting = noteWhileTheyTalk(note, { signal: new AbortController().signal, onWait });
    await vi.advanceTimersByTimeAsync(3_000);
    await noting;
    expect([asked(), told]).toEqual([4, [expect.any(Error)]]);
  });

  it('is nobody’s matter any more when they have talked', async () => {
    const { note, onWait, asked } = ledger(Number.POSITIVE_INFINITY);
    const talk = new AbortController();
    const noting = noteWhileTheyTalk(note, { signal: talk.signal, onWait });
    await vi.advanceTimersByTimeAsync(1_500);
    talk.abort();
    await noting;
    expect(asked()).toBe(2);
  });
});
