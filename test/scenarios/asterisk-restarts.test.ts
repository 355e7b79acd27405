import { afterEach, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});

const WAITING = ['busy', 'rejects', 'invalid-number'];

it('Asterisk restarts while one talks: who waits is called afterwards, who talked later once more, nobody twice, and humans hear of it once', {
  timeout: 120_000,
}, async () => {
  outage = await startOutage();
  const { world, asterisk, contactOf, job } = outage;
  await outage.enqueue(reminder, [contactOf('says-nothing')]);
  await eventually(async () => expect((await job('says-nothing'))?.progress).toBe('talking'));

  const restarted = asterisk.restart({ downMs: 6_000 });
  await eventually(() => expect(outage.log()).toContain('the event socket of Asterisk is lost'));
  await outage.enqueue(reminder, WAITING.map(contactOf));
  for (const role of WAITING) await eventually(async () => expect((await job(role))?.logs.join()).toMatch(/not now: .*Asterisk/));
  await eventually(() => expect(outage.told(/Asterisk can't be used/)).toEqual([1, 1, 1]));
  await restarted;
  await eventually(() => expect(outage.told(/Asterisk is back after/)).toEqual([1, 1, 1]));
  for (const role of WAITING) await eventually(async () => expect((await job(role))?.state).toBe('completed'));

  await eventually(async () => expect((await job('says-nothing'))?.state).not.toBe('active'));
  const numbers = asterisk.dials.map(({ number }) => number);
  expect(numbers.sort()).toEqual(['says-nothing', ...WAITING].map((role) => contactOf(role).phone).sort());
  expect(world.people.log).toHaveLength(1);
  expect([asterisk.channels(), asterisk.bridges()]).toEqual([[], []]);
  expect(outage.told(/Asterisk can't be used/)).toEqual([1, 1, 1]);
});
