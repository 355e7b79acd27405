import { describe, expect, it } from 'vitest';
import { check, type Sightings } from './sightings.ts';

const number = '+12025550121';
const row = { number, attempt: 'a1', disposition: 'completed', durationMs: 4_000 };
const told = { ...row, at: 9 };
const well: Sightings = {
  enqueued: [number],
  dials: [{ number, at: 1 }],
  rows: [row],
  told: [told],
  talks: [{ number }],
  marks: [1],
  orphans: [],
  bridges: [],
  redialMs: 100,
};
const interrupted = { ...told, disposition: 'interrupted', durationMs: 0 };
const redialled = { ...told, attempt: 'a2', at: 150 };
/** Interrupted, and called once more. */
const twice: Partial<Sightings> = {
  dials: [
    { number, at: 1 },
    { number, at: 110 },
  ],
  rows: [interrupted, redialled],
  told: [interrupted, redialled],
};

it('a call as it should be breaks no promise, nor does one that was interrupted when the phone may have rung', () => {
  expect(check(well)).toEqual([]);
  expect(check({ ...well, ...twice })).toEqual([]);
  expect(check({ ...well, ...twice, dials: [{ number, at: 110 }] })).toEqual([]);
});

it.each<[string, Partial<Sightings>, string]>([
  ['a contact without an outcome is lost', { rows: [], told: [] }, 'P1'],
  ['two INVITEs for one attempt', { dials: [...well.dials, ...well.dials] }, 'P2'],
  ['an INVITE after the outcome was told', { dials: [{ number, at: 10 }] }, 'P2'],
  ['two call records for one call', { rows: [row, { ...row, attempt: 'a2' }] }, 'P7'],
  ['an outcome that changed after it was told', { told: [told, interrupted] }, 'P1'],
  [
    'an attempt spent as interrupted before any phone can have rung',
    { ...twice, dials: [], talks: [], rows: [interrupted, { ...interrupted, attempt: 'a2' }], marks: [10] },
    'P1',
  ],
  ['somebody who was interrupted and is not called once more', { rows: [interrupted], told: [interrupted] }, 'P1'],
  ['a third call after an interrupted one', { ...twice, dials: [...(twice.dials ?? []), { number, at: 300 }] }, 'P2'],
  [
    'a dial of the first attempt after the redial',
    {
      ...twice,
      dials: [
        { number, at: 110 },
        { number, at: 300 },
      ],
    },
    'P2',
  ],
  ['a redial that comes too soon', { ...twice, dials: [...well.dials, { number, at: 50 }] }, 'P2'],
  [
    'two dials of one attempt, where the far end sees which it was',
    { ...twice, dials: [110, 220].map((at) => ({ number, at, attempt: 'a9' })) },
    'P2',
  ],
  ['an attempt spent without a dial', { dials: [], talks: [], rows: [{ ...row, disposition: 'failed', durationMs: 0 }] }, 'P1'],
  ['a talk with nobody', { talks: [] }, 'nowhere'],
  ['a dial to somebody who was never enqueued', { dials: [...well.dials, { number: '+12025550122', at: 2 }] }, 'nowhere'],
  ['a channel that outlives its owner', { orphans: ['x'] }, 'P3'],
  ['a bridge that stays', { bridges: ['x'] }, 'P3'],
])('%s is seen', (_name, change, promise) => {
  expect(check({ ...well, ...change }).map((violation) => violation.promise)).toEqual([promise]);
});

describe('a callee who is put through to a colleague', () => {
  const [callee, colleague] = [
    { number, answeredAt: 10, endedAt: 20_100, endedBy: 'caller' as const },
    { number, answeredAt: 4_000, endedAt: 20_000, endedBy: 'person' as const },
  ];
  const meeting = { attempt: 'a1', from: 8_000, to: 19_900 };
  const rung = { number, at: 3_000, attempt: 'a1' };
  const transferred = { ...row, disposition: 'transferred' };
  const transfers = { dials: [rung], callees: [callee], colleagues: [colleague], meetings: [meeting], faultAt: 9_000, ownedAgainAt: 0 };
  const putThrough: Sightings = { ...well, rows: [transferred], told: [{ ...transferred, at: 21_000 }], transfers };

  it('has talked to them until one of the two hung up, and that is the outcome', () => {
    expect(check(putThrough)).toEqual([]);
  });

  it.each<[string, Partial<NonNullable<Sightings['transfers']>>, string]>([
    ['a colleague who is rung twice in one attempt', { dials: [rung, rung] }, 'P2'],
    ['a talk that we cut off', { colleagues: [{ ...colleague, endedBy: 'caller' }] }, 'cut off'],
    ['a callee who stays on the line when the colleague is gone', { callees: [{ ...callee, endedAt: 200_000 }] }, 'P3'],
    ['a colleague who waits for nobody', { meetings: [], colleagues: [{ ...colleague, endedAt: 200_000 }] }, 'P3'],
    ['a transfer to nobody', { meetings: [], colleagues: [] }, 'nowhere'],
  ])('%s is a broken promise', (_, broken, promise) => {
    expect(check({ ...putThrough, transfers: { ...transfers, ...broken } })).toMatchObject([{ promise }]);
  });

  it('is neither told of as anything else nor called again', () => {
    expect(check({ ...putThrough, rows: [row] })).toMatchObject([{ promise: 'P1' }]);
    expect(
      check({
        ...putThrough,
        ...twice,
        rows: [transferred, redialled],
        dials: [
          { number, at: 1 },
          { number, at: 9_000 },
        ],
      }),
    ).toMatchObject([{ promise: 'P7' }, { promise: 'P2' }]);
  });
});
