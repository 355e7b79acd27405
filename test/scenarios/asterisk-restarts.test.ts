import { afterEach, expect, it } from 'vitest';
import type { Contact } from '../../src/call/contact.ts';
import { sleep } from '../../src/sleep.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});

const WAITING = ['busy', 'rejects', 'invalid-number'];
/** Nobody in the sandbox: whoever calls them hears that the number doesn't exist. */
const strangers: Contact[] = Array.from({ length: 60 }, (_, i) => ({
  ...{ phone: `+12025560${100 + i}`, name: 'Somebody' },
  ...{ timeZones: ['America/New_York'], variables: {} },
}));

it('Asterisk restarts while one talks: who waits is called afterwards, who talked later once more, nobody twice, and humans hear of it once', {
  timeout: 120_000,
}, async () => {
  outage = await startOutage();
  const { world, asterisk, contactOf, job } = outage;
  await outage.enqueue(reminder, [contactOf('says-nothing')]);
  await eventually(async () => expect((await job('says-nothing'))?.progress).toBe('talking'));

  const restarted = asterisk.restart({ downMs: 6_000 });
  await eventually(() => expect(outage.log()).toContain('the event socket of Asterisk is lost'));
  await outage.enqueue(reminder, [...WAITING.map(contactOf), ...strangers]);
  for (const role of WAITING) await eventually(async () => expect((await job(role))?.logs.join()).toMatch(/not now: .*Asterisk/));
  await eventually(() => expect(outage.told(/Asterisk can't be used/)).toEqual([1, 1, 1]));
  const looks = () => outage.log().split('call parked: Asterisk').length - 1;
  const [before, since] = [looks(), performance.now()];
  await sleep(1_500);
  // A cap. Unbounded, sixty contacts are looked at hundreds of times.
  expect(looks() - before).toBeLessThanOrEqual((21 * (performance.now() - since)) / 1_000 + 5);
  await restarted;
  await eventually(() => expect(outage.told(/Asterisk is back after/)).toEqual([1, 1, 1]));
  for (const role of WAITING) await eventually(async () => expect((await job(role))?.state).toBe('completed'));

  await eventually(async () => expect((await job('says-nothing'))?.state).not.toBe('active'));
  await eventually(() => expect(asterisk.dials).toHaveLength(1 + WAITING.length + strangers.length));
  const numbers = asterisk.dials.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(world.people.log).toHaveLength(1);
  await eventually(() => expect([asterisk.channels(), asterisk.bridges()]).toEqual([[], []]));
  expect(outage.told(/Asterisk can't be used/)).toEqual([1, 1, 1]);
});
