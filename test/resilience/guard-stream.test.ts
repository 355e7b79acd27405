import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createGuard } from '../../src/resilience/guard.ts';
import { sleep } from '../../src/sleep.ts';
import { DEADLINE_MS, oneProcess, quiet, SPEECH, times, unavailable } from './services.ts';

let breakers: ReturnType<typeof oneProcess>['breakers'];
beforeEach(() => {
  vi.useFakeTimers();
  breakers = oneProcess().breakers;
});
afterEach(async () => {
  await breakers.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

type Script = (n: number, signal: AbortSignal) => AsyncIterable<string>;

/** Reads a guarded stream to its end, in seconds of the driven clock. */
function read(script: Script, options: { isUseful?: (chunk: string) => boolean; patienceMs?: number } = {}) {
  const guard = createGuard({ breaker: breakers.of(SPEECH), deadlineMs: DEADLINE_MS, log: quiet });
  const hangUp = new AbortController();
  const startedAt = performance.now();
  const sentAt: number[] = [];
  const signals: AbortSignal[] = [];
  const open = (signal: AbortSignal) => {
    signals.push(signal);
    return script(sentAt.push((performance.now() - startedAt) / 1000), signal);
  };
  const heard: string[] = [];
  const stream = guard.stream(open, { signal: hangUp.signal, operation: 'greeting', stallMs: 4_000, ...options });
  const ended = (async () => {
    try {
      for await (const chunk of stream) {
        heard.push(chunk);
        if (chunk === 'enough') break;
      }
      return 'ended';
    } catch (error) {
      return error as Error & { code?: string };
    }
  })();
  return { heard, sentAt, signals, ended, hangUp };
}

const words = (...chunks: (string | number | Error)[]): Script =>
  async function* (_, signal) {
    for (const chunk of chunks) {
      if (typeof chunk === 'number') await sleep(chunk, signal);
      else if (chunk instanceof Error) throw chunk;
      else yield chunk;
    }
  };

it('a stream comes through whole, and its request is over with it', async () => {
  const { heard, ended, signals } = read(words('one', 3_000, 'two', 3_000, 'three'));
  await vi.advanceTimersByTimeAsync(6_000);
  expect(await ended).toBe('ended');
  expect(heard).toEqual(['one', 'two', 'three']);
  expect(signals[0]?.aborted).toBe(true);
});

it('until something useful came it is opened again like any request, at 0, 5 and 15 s', async () => {
  const script: Script = (n, signal) => (n < 3 ? words('noise', unavailable())(n, signal) : words('noise', 'hello')(n, signal));
  const { heard, sentAt, ended } = read(script, { isUseful: (chunk) => chunk === 'hello' });
  await vi.advanceTimersByTimeAsync(15_000);
  expect(await ended).toBe('ended');
  expect(sentAt).toEqual([0, 5, 15]);
  expect(heard).toEqual(['noise', 'hello']);
});

it('a stream without a useful chunk inside its deadline has failed, also when chunks keep coming', async () => {
  const { heard, sentAt, ended, signals } = read(words(...Array.from({ length: 100 }, () => ['noise', 1_000]).flat()), {
    isUseful: (chunk) => chunk !== 'noise',
    patienceMs: 13_000,
  });
  await vi.advanceTimersByTimeAsync(13_000);
  expect(await ended).toMatchObject({ code: 'deadline' });
  expect([heard, sentAt]).toEqual([[], [0]]);
  expect(signals[0]?.aborted).toBe(true);
});

it('one that ends without anything useful has failed too', async () => {
  const { ended, sentAt } = read(words('noise'), { isUseful: () => false, patienceMs: 6_000 });
  await vi.advanceTimersByTimeAsync(6_000);
  expect(await ended).toMatchObject({ code: 'stream-empty', category: 'transient' });
  expect(sentAt).toEqual([0, 5]);
});

it('a stall in the middle ends it, is not repeated, and counts against the service', async () => {
  await times(4, async () => {
    const { heard, ended, sentAt, signals } = read(words('one', 60_000, 'two'));
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await ended).toMatchObject({ code: 'stream-stalled' });
    expect([heard, sentAt]).toEqual([['one'], [0]]);
    expect(signals[0]?.aborted).toBe(true);
  });
  expect(breakers.of(SPEECH).state).toBe('open');
});

it('a reader who has had enough ends the request and says nothing against the service', async () => {
  await times(5, async () => {
    const { ended, signals } = read(words('one', 'enough', 1_000, 'more'));
    expect(await ended).toBe('ended');
    expect(signals[0]?.aborted).toBe(true);
  });
  expect(breakers.of(SPEECH).state).toBe('closed');
});

it('hanging up ends a stream at once, whatever it waits for', async () => {
  const opening = read(words(60_000, 'late'));
  const speaking = read(words('one', 60_000, 'late'));
  await vi.advanceTimersByTimeAsync(1_000);
  for (const { hangUp } of [opening, speaking]) hangUp.abort(new Error('hung up'));
  expect([await opening.ended, await speaking.ended].map(String)).toEqual(['Error: hung up', 'Error: hung up']);
  expect([...opening.signals, ...speaking.signals].every(({ aborted }) => aborted)).toBe(true);
});

it('a trial is decided by its first useful chunk, however long the stream goes on', async () => {
  await times(4, () =>
    breakers
      .of(SPEECH)
      .run(() => Promise.reject(unavailable()), { deadlineMs: DEADLINE_MS })
      .catch(() => {}),
  );
  await vi.advanceTimersByTimeAsync(30_000);
  const { ended } = read(words('one', 3_000, 'two'));
  await vi.advanceTimersByTimeAsync(0);
  expect(breakers.of(SPEECH).state).toBe('closed');
  await vi.advanceTimersByTimeAsync(3_000);
  expect(await ended).toBe('ended');
});
