import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Breakers } from '../../src/resilience/breakers.ts';
import { BreakerOpenError } from '../../src/resilience/held-back.ts';
import {
  badKey,
  badRequest,
  DEADLINE_MS,
  HEARING,
  MODEL,
  type OneProcess,
  oneProcess,
  quotaSpent,
  rateLimited,
  SPEECH,
  send,
  times,
  unavailable,
} from './services.ts';

let started: Breakers[] = [];
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  await Promise.all(started.map((breakers) => breakers.stop()));
  expect(vi.getTimerCount()).toBe(0);
  started = [];
  vi.useRealTimers();
});

function alone(...options: Parameters<typeof oneProcess>): OneProcess {
  const process = oneProcess(...options);
  started.push(process.breakers);
  return process;
}
const state = ({ breakers }: OneProcess, service = SPEECH) => breakers.of(service).state;
const told = ({ changes }: OneProcess) => changes.map(({ kind, service }) => `${kind} ${service}`);

/** A request that ends when it is told to. */
function underWay({ breakers }: OneProcess) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const ended = breakers
    .of(SPEECH)
    .run(() => promise, { deadlineMs: DEADLINE_MS })
    .catch(() => {});
  return {
    succeed() {
      resolve('late');
      return ended;
    },
    fail() {
      reject(unavailable());
      return ended;
    },
  };
}

async function opened(...options: Parameters<typeof oneProcess>): Promise<OneProcess> {
  const one = alone(...options);
  await times(4, () => send(one.breakers, unavailable()));
  expect(state(one)).toBe('open');
  return one;
}

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

it('a listener that throws hurts no request', async () => {
  const one = alone(
    {},
    {
      onChange: () => {
        throw new Error('the alert could not be queued');
      },
    },
  );
  await times(4, () => send(one.breakers, unavailable()));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await send(one.breakers)).toBe('spoken');
  expect(state(one)).toBe('closed');
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

it('one that a human opened stays open until a human closes it', async () => {
  const one = alone({ dataPlane: async () => {} });
  await one.breakers.open(SPEECH, 'maintenance');
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(state(one)).toBe('open');
  expect(await one.breakers.trial(SPEECH, { early: true })).toBe('not-now');
  await one.breakers.close(SPEECH);
  expect(state(one)).toBe('closed');
  expect(one.changes.at(-1)).toMatchObject({ kind: 'breaker-closed', by: 'human' });
});

it('the calls held back are counted once each and told with the recovery', async () => {
  const one = await opened({ dataPlane: async () => {} });
  for (const call of ['a', 'b', 'a', 'c']) one.breakers.heldBack(SPEECH, call);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(one.changes.at(-1)).toMatchObject({ kind: 'breaker-closed', heldBack: 3 });
});

it('who meets an open breaker is told which, since when and why', async () => {
  const one = await opened();
  const error = await one.breakers
    .of(SPEECH)
    .begin({ deadlineMs: DEADLINE_MS })
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(BreakerOpenError);
  expect(error).toMatchObject({
    name: 'BreakerOpenError',
    code: 'breaker-open',
    service: SPEECH,
    category: 'transient',
    since: expect.any(Number),
  });
  expect(String(error)).toContain('ElevenLabs answered 503');
});
