import { expect, it } from 'vitest';
import { redialAfterRefusal } from '../../src/call/redial.ts';

const waits = (trial: boolean) => {
  const all: number[] = [];
  for (let attempt = 1; attempt < 100; attempt++) {
    const waitMs = redialAfterRefusal({ attempt, trial, firstMs: 10_000 });
    if (waitMs === undefined) return all;
    all.push(waitMs / 1_000);
  }
  throw new Error('it never ends');
};
const hours = (seconds: number[]) => seconds.reduce((sum, one) => sum + one, 0) / 3_600;

it('a call that its trunk refused is made again with growing waits, for some forty minutes', () => {
  expect(waits(false)).toEqual([10, 20, 40, 80, 160, 320, 640, 1_280]);
  expect(hours(waits(false))).toBeCloseTo(0.71);
});

it('one that is the trial of an ill trunk costs its contact nothing for most of a day, once an hour at the most in the end', () => {
  expect(Math.max(...waits(true))).toBe(3_600);
  expect(hours(waits(true))).toBeGreaterThan(16);
  expect(hours(waits(true))).toBeLessThan(24);
});

it('a first wait of more than an hour stays what it is', () => {
  expect(redialAfterRefusal({ attempt: 3, trial: false, firstMs: 7_200_000 })).toBe(7_200_000);
});
