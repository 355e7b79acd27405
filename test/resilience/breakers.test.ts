import { expect, it, vi } from 'vitest';
import { BreakerOpenError } from '../../src/resilience/held-back.ts';
import { driveClock, state } from './driven-breakers.ts';
import { DEADLINE_MS, SPEECH, send, times, unavailable } from './services.ts';

const { alone, opened } = driveClock();

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
