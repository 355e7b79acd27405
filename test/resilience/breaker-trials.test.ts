import { expect, it, vi } from 'vitest';
import { driveClock, state, told, underWay } from './driven-breakers.ts';
import { badRequest, MODEL, rateLimited, SPEECH, send, times, unavailable } from './services.ts';

const { alone, opened } = driveClock();

it('after it has closed, one failure does not open it again, nor do three', async () => {
  const one = await opened();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await send(one.breakers)).toBe('spoken');
  await times(3, () => send(one.breakers, unavailable()));
  expect(state(one)).toBe('closed');
  await send(one.breakers, unavailable());
  expect(state(one)).toBe('open');
});

it.each([
  ['a bad request of ours', badRequest],
  ['a rate limit', rateLimited],
])('%s opens nothing, and does not close a half-open breaker', async (_, error) => {
  const one = alone();
  await times(10, () => send(one.breakers, error()));
  expect(state(one)).toBe('closed');
  await times(4, () => send(one.breakers, unavailable()));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(state(one)).toBe('half-open');
  await send(one.breakers, error());
  expect(state(one)).toBe('half-open');
  expect(await send(one.breakers)).toBe('spoken');
  expect(state(one)).toBe('closed');
});

it.each([
  ['success', 'succeed', 'half-open'],
  ['failure', 'fail', 'half-open'],
] as const)('the late %s of a request begun before it opened moves a half-open breaker nowhere', async (_, end, after) => {
  const one = alone();
  const late = underWay(one);
  await times(4, () => send(one.breakers, unavailable()));
  await vi.advanceTimersByTimeAsync(30_000);
  await late[end]();
  expect(state(one)).toBe(after);
});

it('late failures of requests begun before it opened do not open it again', async () => {
  const one = alone();
  const late = Array.from({ length: 6 }, () => underWay(one));
  await times(4, () => send(one.breakers, unavailable()));
  await vi.advanceTimersByTimeAsync(30_000);
  await send(one.breakers);
  await Promise.all(late.map(({ fail }) => fail()));
  expect(state(one)).toBe('closed');
});

it('half-open lets one request through, and the others meet an open breaker', async () => {
  const one = await opened();
  await vi.advanceTimersByTimeAsync(30_000);
  const trial = underWay(one);
  await vi.advanceTimersByTimeAsync(0);
  expect([await send(one.breakers), await send(one.breakers)]).toEqual(['breaker-open', 'breaker-open']);
  await trial.succeed();
  expect(state(one)).toBe('closed');
});

it('a failed trial waits for the next one and is not told as another opening', async () => {
  const one = await opened();
  await vi.advanceTimersByTimeAsync(30_000);
  await send(one.breakers, unavailable());
  expect(state(one)).toBe('open');
  await vi.advanceTimersByTimeAsync(29_999);
  expect(state(one)).toBe('open');
  await vi.advanceTimersByTimeAsync(1);
  expect(state(one)).toBe('half-open');
  await send(one.breakers);
  expect(told(one)).toEqual([`breaker-opened ${SPEECH}`, `breaker-closed ${SPEECH}`]);
});

it('a probe that hangs is a failed trial at its deadline, and the next one recovers', async () => {
  let hangs = true;
  const one = await opened({
    dataPlane: () => (hangs ? new Promise<void>(() => {}) : Promise.resolve()),
  });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(state(one)).toBe('half-open');
  await vi.advanceTimersByTimeAsync(8_000);
  expect(state(one)).toBe('open');
  hangs = false;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(state(one)).toBe('closed');
});

it('a trial that a health check makes early, and that fails, puts off the next one', async () => {
  let probes = 0;
  const one = await opened({
    dataPlane: async () => {
      probes += 1;
      throw unavailable();
    },
  });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await one.breakers.trial(SPEECH, { early: true })).toBe('failed');
  await vi.advanceTimersByTimeAsync(29_999);
  expect(probes).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(probes).toBe(2);
});

it('where a probe exists no call is the trial: it closes by itself, with nobody calling', async () => {
  const one = await opened({ dataPlane: async () => {} });
  expect(one.breakers.refusing([MODEL, SPEECH])).toMatchObject({ service: SPEECH, reason: 'ElevenLabs answered 503' });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(one.breakers.refusing([SPEECH])).toBeUndefined();
  expect(one.changes.at(-1)).toMatchObject({ kind: 'breaker-closed', openForMs: 30_000, by: 'trial' });
});

it('where none exists, one call at a time is admitted to be the trial', async () => {
  const one = await opened();
  expect(one.breakers.refusing([SPEECH])).toBeDefined();
  await vi.advanceTimersByTimeAsync(30_000);
  expect(one.breakers.refusing([SPEECH])).toBeUndefined();
  expect(one.breakers.refusing([SPEECH])).toMatchObject({ service: SPEECH });
  // The call that was admitted never came to ask.
  await vi.advanceTimersByTimeAsync(10_000);
  expect(one.breakers.refusing([SPEECH])).toBeUndefined();
});
