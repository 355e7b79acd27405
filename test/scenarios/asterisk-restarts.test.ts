import { afterEach, expect, it } from 'vitest';
import type { Contact } from '../../src/call/contact.ts';
import type { OutcomeNews } from '../../src/call/outbox-entry.ts';
import { attemptId } from '../../src/queue/keys.ts';
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
  outage = await startOutage({ settings: { REDIAL_INTERRUPTED: '1000' } });
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

  const first = attemptId(reminder.name, contactOf('says-nothing').phone, 1);
  await eventually(async () => expect((await outage.queue.getJob(first))?.returnvalue).toMatchObject({ disposition: 'interrupted' }));
  expect((await outage.queue.getJob(first))?.returnvalue.reason).toMatch(/^cut off: asterisk: /);
  await eventually(() => expect(asterisk.dials).toHaveLength(2 + WAITING.length + strangers.length));
  expect(outage.dialsTo('says-nothing')).toBe(2);
  const numbers = asterisk.dials.map(({ number }) => number);
  expect(new Set(numbers).size).toBe(numbers.length - 1);
  await eventually(() =>
    expect(world.outcomes.deliveries.map(({ body }) => (body as OutcomeNews).data)).toContainEqual(
      expect.objectContaining({ attemptId: first, disposition: 'interrupted', redialAt: expect.any(String) }),
    ),
  );
  await outage.app?.stop();
  await eventually(() => expect([asterisk.channels(), asterisk.bridges()]).toEqual([[], []]));
  expect(outage.told(/Asterisk can't be used/)).toEqual([1, 1, 1]);
});
