import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createGuard, type Guard, type GuardOptions } from '../../src/resilience/guard.ts';
import { isHeldBack } from '../../src/resilience/held-back.ts';
import { createRetryBudget } from '../../src/resilience/retry-budget.ts';
import { DEFAULT_RETRY_POLICY, delayMs } from '../../src/resilience/retry-policy.ts';
import { badKey, badRequest, DEADLINE_MS, oneProcess, quiet, rateLimited, SPEECH, send, times, unavailable } from './services.ts';

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

const guarded = (options: Partial<GuardOptions> = {}): Guard =>
  createGuard({ breaker: breakers.of(SPEECH), deadlineMs: DEADLINE_MS, log: quiet, ...options });

/** Follows one operation: when its requests were sent and how it ended, in seconds of the driven clock. */
function follow(guard: Guard, answer: (n: number, signal: AbortSignal) => Promise<string>, options: { patienceMs?: number } = {}) {
  const hangUp = new AbortController();
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const sentAt: number[] = [];
  const result: { ended?: unknown; at?: number } = {};
  const request = (signal: AbortSignal) => {
    sentAt.push(seconds());
    return answer(sentAt.length, signal);
  };
  const ended = guard
    .run(request, { signal: hangUp.signal, operation: 'greeting', ...options })
    .catch((error: unknown) => error)
    .then((value) => Object.assign(result, { ended: value, at: seconds() }));
  return { sentAt, result, ended, hangUp };
}

const failing = async () => Promise.reject(unavailable());
const hanging = () => new Promise<string>(() => {});

it('the waits are 5, 10 and 20 s', () => {
  expect([1, 2, 3].map((n) => delayMs(DEFAULT_RETRY_POLICY, n))).toEqual([5_000, 10_000, 20_000]);
});

it('jitter only ever lengthens a wait, and by no more than it says', () => {
  const policy = { ...DEFAULT_RETRY_POLICY, jitter: 0.2 };
  expect([0, 0.5, 1].map((random) => delayMs(policy, 1, () => random))).toEqual([5_000, 5_500, 6_000]);
});

it('a service that answers 503 is asked at 0, 5, 15 and 35 s; then the call fails and the breaker is open', async () => {
  const { sentAt, result } = follow(guarded(), failing);
  await vi.advanceTimersByTimeAsync(34_999);
  expect(result).toEqual({});
  await vi.advanceTimersByTimeAsync(1);
  expect(sentAt).toEqual([0, 5, 15, 35]);
  expect(result).toMatchObject({ at: 35, ended: { code: 'http-503', category: 'transient' } });
  expect(isHeldBack(result.ended)).toBe(false);
  expect(breakers.of(SPEECH).state).toBe('open');
});

it('requests that hang are ended at their deadline and open the breaker like any other failure', async () => {
  const signals: AbortSignal[] = [];
  const { sentAt, result } = follow(guarded(), (_, signal) => {
    signals.push(signal);
    return hanging();
  });
  await vi.advanceTimersByTimeAsync(67_000);
  expect(sentAt).toEqual([0, 13, 31, 59]);
  expect(result).toMatchObject({ at: 67, ended: { code: 'deadline' } });
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
  expect(breakers.of(SPEECH).state).toBe('open');
});

it('one request that is late ends none of its neighbours', async () => {
  const guard = guarded();
  const late = follow(guard, hanging, { patienceMs: 9_000 });
  await vi.advanceTimersByTimeAsync(4_000);
  let neighbour: AbortSignal | undefined;
  const other = follow(guard, (_, signal) => {
    neighbour = signal;
    return new Promise((resolve) => setTimeout(() => resolve('spoken'), 6_000));
  });
  await vi.advanceTimersByTimeAsync(6_000);
  expect(late.result).toMatchObject({ ended: { code: 'deadline' } });
  expect(neighbour?.aborted).toBe(false);
  expect(other.result).toMatchObject({ ended: 'spoken' });
});

it.each([
  [12_000, [0, 5], 5],
  [60_000, [0, 5, 15, 35], 35],
])('a callee with a patience of %d ms gets the same schedule, cut off', async (patienceMs, expected, at) => {
  const { sentAt, result } = follow(guarded(), failing, { patienceMs });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sentAt).toEqual(expected);
  expect(result).toMatchObject({ at, ended: { code: 'http-503' } });
});

it('a request that the patience cuts short says nothing against the service', async () => {
  const { result } = follow(guarded(), (n) => (n === 1 ? failing() : hanging()), { patienceMs: 12_000 });
  await vi.advanceTimersByTimeAsync(12_000);
  expect(result).toMatchObject({ at: 12, ended: { code: 'patience-spent' } });
  await times(2, () => send(breakers, unavailable()));
  expect(breakers.of(SPEECH).state).toBe('closed');
  await send(breakers, unavailable());
  expect(breakers.of(SPEECH).state).toBe('open');
});

it.each([
  ['bad request', badRequest],
  ['bad key', badKey],
])('a %s is not sent again', async (_, error) => {
  const { sentAt, result } = follow(guarded(), async () => Promise.reject(error()));
  await vi.advanceTimersByTimeAsync(0);
  expect(sentAt).toEqual([0]);
  expect(result).toMatchObject({ at: 0, ended: { category: error().category } });
});

it('a rate-limited service is asked again when it said, and its breaker stays closed', async () => {
  const { sentAt, result } = follow(guarded(), async () => Promise.reject(rateLimited(2_000)));
  await vi.advanceTimersByTimeAsync(6_000);
  expect(sentAt).toEqual([0, 2, 4, 6]);
  expect(result).toMatchObject({ ended: { category: 'rate-limited' } });
  expect(breakers.of(SPEECH).state).toBe('closed');
});

it('a 503 with Retry-After is asked no sooner than it said, nor sooner than the schedule', async () => {
  const { sentAt } = follow(guarded(), async (n) => (n === 3 ? 'spoken' : Promise.reject(unavailable(n === 1 ? 8_000 : 1_000))));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(sentAt).toEqual([0, 8, 18]);
});

it('a Retry-After of an hour holds nobody for an hour', async () => {
  const patient = follow(guarded(), async (n) => (n === 2 ? 'spoken' : Promise.reject(rateLimited(3_600_000))));
  const callee = follow(guarded(), async () => Promise.reject(rateLimited(3_600_000)), { patienceMs: 12_000 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(patient.sentAt).toEqual([0, 60]);
  expect(callee).toMatchObject({ sentAt: [0], result: { at: 0, ended: { category: 'rate-limited' } } });
});

it('whoever meets an open breaker is held back at once, without a request', async () => {
  await times(4, () => send(breakers, unavailable()));
  const { sentAt, ended } = follow(guarded(), failing);
  expect(isHeldBack((await ended).ended)).toBe(true);
  expect(sentAt).toEqual([]);
});

it('a call that meets the open breaker between its own requests is held back, not failed', async () => {
  const { sentAt, result } = follow(guarded(), failing);
  await vi.advanceTimersByTimeAsync(7_000);
  await times(2, () => send(breakers, unavailable()));
  expect(breakers.of(SPEECH).state).toBe('open');
  await vi.advanceTimersByTimeAsync(8_000);
  expect(sentAt).toEqual([0, 5]);
  expect(result.ended).toMatchObject({ name: 'BreakerOpenError', code: 'breaker-open', service: SPEECH });
});

it('a call whose failure opens the breaker before its requests are spent does not wait in vain', async () => {
  await times(2, () => send(breakers, unavailable()));
  const { sentAt, result } = follow(guarded(), failing);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(sentAt).toEqual([0, 5]);
  expect(result).toMatchObject({ at: 5, ended: { code: 'breaker-open' } });
});

it('hanging up ends a wait and a request at once, and nothing goes on', async () => {
  const waiting = follow(guarded(), failing);
  const asking = follow(guarded(), hanging);
  await vi.advanceTimersByTimeAsync(2_000);
  const reason = new Error('hung up');
  waiting.hangUp.abort(reason);
  asking.hangUp.abort(reason);
  await Promise.all([waiting.ended, asking.ended]);
  expect([waiting.result.ended, asking.result.ended]).toEqual([reason, reason]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([waiting.sentAt, asking.sentAt]).toEqual([[0], [0]]);
});

it('an operation of a caller who is gone already sends nothing', async () => {
  const sent = vi.fn(hanging);
  const running = guarded().run(sent, { signal: AbortSignal.abort(new Error('gone')), operation: 'greeting' });
  await expect(running).rejects.toThrow('gone');
  expect(sent).not.toHaveBeenCalled();
});

it('a request that fails after its deadline leaves no unhandled rejection behind', async () => {
  const { result } = follow(
    guarded(),
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 9_000));
      throw unavailable();
    },
    { patienceMs: 10_000 },
  );
  await vi.advanceTimersByTimeAsync(20_000);
  expect(result).toMatchObject({ at: 8, ended: { code: 'deadline' } });
});

it('when most of the requests would be retries, operations are held back instead', async () => {
  const retryBudget = createRetryBudget({ prefix: 'alone' });
  const operations: ReturnType<typeof follow>[] = [];
  // A third of them fails, so that the breaker stays closed.
  for (let n = 0; n < 45; n++) {
    operations.push(follow(guarded({ retryBudget }), n % 3 === 2 ? failing : async () => 'spoken'));
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(breakers.of(SPEECH).state).toBe('closed');
  expect(operations.filter(({ result }) => result.at === undefined)).toHaveLength(10);
  const heldBack = operations.filter(({ result }) => isHeldBack(result.ended));
  expect(heldBack.map(({ result }) => (result.ended as Error).name)).toEqual(Array(5).fill('RetryBudgetError'));
  for (const { hangUp } of operations) hangUp.abort(new Error('over'));
  await Promise.all(operations.map(({ ended }) => ended));
});

it('the budget lets through a fifth of many requests, and recovers with time', async () => {
  const budget = createRetryBudget({ prefix: 'alone' });
  for (let i = 0; i < 100; i++) budget.requested(SPEECH);
  const allowed = async () => (await Promise.all(Array.from({ length: 50 }, () => budget.allows(SPEECH)))).filter(Boolean).length;
  expect(await allowed()).toBe(20);
  await vi.advanceTimersByTimeAsync(61_000);
  expect(await allowed()).toBe(10);
});
