import { expect, it, vi } from 'vitest';
import { driveClock, state, told, underWay } from './driven-breakers.ts';
import { badKey, DEADLINE_MS, HEARING, MODEL, quotaSpent, SPEECH, send, times, unavailable } from './services.ts';

const { alone, opened } = driveClock();

it('four failures in a row open the breaker, however many requests went well before', async () => {
  const one = alone();
  await times(20, () => send(one.breakers));
  await times(3, () => send(one.breakers, unavailable()));
  expect(state(one)).toBe('closed');
  await send(one.breakers, unavailable());
  expect(state(one)).toBe('open');
  expect(await send(one.breakers)).toBe('breaker-open');
  expect(told(one)).toEqual([`breaker-opened ${SPEECH}`]);
});

it('a success between failures starts the row again', async () => {
  const one = alone();
  await times(6, () => send(one.breakers));
  await times(3, () => send(one.breakers, unavailable()));
  await send(one.breakers);
  await times(3, () => send(one.breakers, unavailable()));
  expect(state(one)).toBe('closed');
});

it('more than half of at least four opens it, exactly half does not', async () => {
  const half = alone();
  for (const error of [undefined, unavailable(), undefined, unavailable(), undefined, unavailable()]) await send(half.breakers, error);
  expect(state(half)).toBe('closed');
  const more = alone();
  for (const error of [unavailable(), undefined, unavailable()]) await send(more.breakers, error);
  expect(state(more)).toBe('closed');
  await send(more.breakers, unavailable());
  expect(state(more)).toBe('open');
});

it('the window outlasts one whole retried operation of requests that hang', async () => {
  const one = alone();
  // As a retried operation with a deadline of 8 s fails: at 8, 21, 39 and 67 s. One success keeps it from being a row.
  await vi.advanceTimersByTimeAsync(8_000);
  await send(one.breakers, unavailable());
  await vi.advanceTimersByTimeAsync(13_000);
  await send(one.breakers, unavailable());
  await vi.advanceTimersByTimeAsync(18_000);
  await send(one.breakers);
  await vi.advanceTimersByTimeAsync(28_000);
  await send(one.breakers, unavailable());
  expect(state(one)).toBe('open');
});

it('failures of long ago are forgotten', async () => {
  const one = alone();
  await times(2, () => send(one.breakers, unavailable()));
  await send(one.breakers);
  await vi.advanceTimersByTimeAsync(80_000);
  await send(one.breakers);
  await times(2, () => send(one.breakers, unavailable()));
  expect(state(one)).toBe('closed');
});

it('ten slow requests under way do not hide that the others fail', async () => {
  const one = alone();
  const slow = Array.from({ length: 10 }, () => underWay(one));
  for (const error of [unavailable(), unavailable(), undefined, unavailable(), unavailable()]) await send(one.breakers, error);
  expect(state(one)).toBe('open');
  await Promise.all(slow.map(({ succeed }) => succeed()));
});

it('requests refused while it was open are not counted afterwards', async () => {
  const one = await opened({ dataPlane: async () => {} });
  await times(100, () => send(one.breakers));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(state(one)).toBe('closed');
  for (const error of [undefined, unavailable(), unavailable(), unavailable()]) await send(one.breakers, error);
  expect(state(one)).toBe('open');
});

it.each([
  ['a bad key', badKey],
  ['a spent quota', quotaSpent],
])('%s opens every breaker of the account at once, and no other', async (_, error) => {
  const one = alone();
  await send(one.breakers, error());
  expect([state(one), state(one, HEARING), state(one, MODEL)]).toEqual(['open', 'open', 'closed']);
  expect(one.changes.map(({ account }) => account)).toEqual(['elevenlabs', 'elevenlabs']);
  // A human mends it, so it is tried more slowly.
  await vi.advanceTimersByTimeAsync(299_999);
  expect(state(one)).toBe('open');
  await vi.advanceTimersByTimeAsync(1);
  expect(state(one)).toBe('half-open');
});

it('a request that returns nothing at all is no failure', async () => {
  const one = alone();
  await times(10, () => one.breakers.of(SPEECH).run((() => undefined) as unknown as () => Promise<void>, { deadlineMs: DEADLINE_MS }));
  expect(state(one)).toBe('closed');
});

it('a caller who hangs up, or a defect of ours, says nothing about the service', async () => {
  const one = alone();
  await times(10, () => send(one.breakers, new DOMException('hung up', 'AbortError')));
  await times(10, () => send(one.breakers, new TypeError('a defect of ours')));
  expect(state(one)).toBe('closed');
});
