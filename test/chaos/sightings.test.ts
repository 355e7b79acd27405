import { expect, it } from 'vitest';
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
  mayHaveRung: true,
  orphans: [],
  bridges: [],
};
const interrupted = { ...told, disposition: 'interrupted', durationMs: 0 };

it('a call as it should be breaks no promise, nor does one that was interrupted when the phone may have rung', () => {
  expect(check(well)).toEqual([]);
  expect(check({ ...well, dials: [], talks: [], rows: [interrupted], told: [interrupted] })).toEqual([]);
});

it.each<[string, Partial<Sightings>, string]>([
  ['a contact without an outcome is lost', { rows: [], told: [] }, 'P1'],
  ['two INVITEs for one attempt', { dials: [...well.dials, ...well.dials] }, 'P2'],
  ['an INVITE after the outcome was told', { dials: [{ number, at: 10 }] }, 'P2'],
  ['two call records for one call', { rows: [row, { ...row, attempt: 'a2' }] }, 'P7'],
  ['an outcome that changed after it was told', { told: [told, interrupted] }, 'P1'],
  [
    'an attempt spent as interrupted before any phone can have rung',
    { dials: [], talks: [], rows: [interrupted], told: [interrupted], mayHaveRung: false },
    'P1',
  ],
  ['an attempt spent without a dial', { dials: [], talks: [], rows: [{ ...row, disposition: 'failed', durationMs: 0 }] }, 'P1'],
  ['a talk with nobody', { talks: [] }, 'nowhere'],
  ['a dial to somebody who was never enqueued', { dials: [...well.dials, { number: '+12025550122', at: 2 }] }, 'nowhere'],
  ['a channel that outlives its owner', { orphans: ['x'] }, 'P3'],
  ['a bridge that stays', { bridges: ['x'] }, 'P3'],
])('%s is seen', (_name, change, promise) => {
  expect(check({ ...well, ...change }).map((violation) => violation.promise)).toEqual([promise]);
});
