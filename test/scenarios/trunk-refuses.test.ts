import { afterEach, expect, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});

const over = (trunk: string): Campaign => ({
  ...{ ...reminder, name: `over-${trunk}`, dialString: `PJSIP/{e164}@${trunk}` },
  limits: { ...reminder.limits, answerTimeoutMs: 500 },
});
const ill = over('carrier');
const well: Campaign = { ...reminder, name: 'over-the-other', dialString: 'PJSIP/{e164}@other' };
const trunks = ['PJSIP/carrier', 'PJSIP/other'];
const FIRST = ['busy', 'hangs-up-early'];
const OTHERS = ['rejects'];

/** Nobody in the sandbox: whoever calls them hears that the number doesn't exist. */
const stranger = (phone: string): Contact => ({ phone, name: 'Somebody', timeZones: ['America/New_York'], variables: {} });

it('carriers answer 503, or 403, to everything: their contacts wait, humans hear which trunk and which SIP status, others go on', {
  timeout: 120_000,
}, async () => {
  outage = await startOutage({
    world: { trunks: ['PJSIP/overloaded', 'PJSIP/unpaid', 'PJSIP/other'] },
    settings: { CALL_CONCURRENCY: '4' },
  });
  const { asterisk, contactOf, job, world } = outage;
  // A 403 looks like a callee who declines.
  const carriers = [
    { trunk: 'overloaded', sipStatus: 503, cause: 34, first: [contactOf('busy'), stranger('+12025560201')], waits: contactOf('no-answer') },
    {
      trunk: 'unpaid',
      sipStatus: 403,
      cause: 21,
      first: [contactOf('hangs-up-early'), stranger('+12025560202')],
      waits: contactOf('invalid-number'),
    },
  ];
  const known = new Map(carriers.flatMap(({ trunk, first, waits }) => [...first, waits].map(({ phone }) => [phone, trunk])));
  const dialsOver = (trunk: string) => asterisk.dials.filter(({ number }) => known.get(number) === trunk).length;
  const told = (trunk: string, what: string) => outage.told(new RegExp(`PJSIP/${trunk} ${what}`));

  for (const { trunk, first, sipStatus, cause } of carriers) {
    asterisk.refuseTrunk(`PJSIP/${trunk}`, { cause, sipStatus });
    await outage.enqueue(over(trunk), first);
  }
  for (const { trunk, waits, sipStatus } of carriers) {
    await eventually(() => expect(told(trunk, "can't be used")).toEqual([1, 1, 1]));
    expect(outage.told(new RegExp(`SIP ${sipStatus}`))).toEqual([1, 1, 1]);
    await outage.enqueue(over(trunk), [waits]);
  }
  // Two trials with contacts of each campaign, and none is used up by it.
  const found = carriers.map(({ trunk }) => dialsOver(trunk));
  for (const [i, { trunk }] of carriers.entries())
    await eventually(() => expect(dialsOver(trunk)).toBeGreaterThanOrEqual((found[i] ?? 0) + 2));
  await outage.enqueue(well, OTHERS.map(contactOf));
  for (const role of OTHERS) await eventually(async () => expect((await job(role, well))?.state).toBe('completed'));
  for (const { trunk } of carriers) {
    const waiting = (await outage.jobs(over(trunk))).flatMap(({ logs }) => logs);
    expect(waiting.join()).toMatch(new RegExp(`not now: trunk:PJSIP/${trunk} is down`));
  }

  for (const { trunk } of carriers) asterisk.refuseTrunk(`PJSIP/${trunk}`, undefined);
  for (const { trunk } of carriers) await eventually(() => expect(told(trunk, 'is back after')).toEqual([1, 1, 1]));
  // Also those with whom it was found out: the trunk had refused them, and nobody's phone had rung.
  const ends = ['busy', 'hung-up', 'invalid-number', 'invalid-number', 'invalid-number', 'no-answer'];
  await eventually(async () => {
    const jobs = (await Promise.all(carriers.map(({ trunk }) => outage.jobs(over(trunk))))).flat();
    const reached = jobs.flatMap(({ disposition = '' }) => (ends.includes(disposition) ? [disposition] : []));
    expect(reached.sort()).toEqual(ends);
  });
  for (const { trunk } of carriers) expect(told(trunk, "can't be used")).toEqual([1, 1, 1]);
  // Each INVITE was an attempt of its own.
  const attempts = asterisk.dials.map(({ channelId }) => channelId.replace(/\.\d+$/, ''));
  expect(new Set(attempts).size).toBe(attempts.length);
  await eventually(() => expect(world.hubSpot.rows).toHaveLength(attempts.length));
});

it('a dial string that Asterisk does not know fails its own calls and opens nothing', { timeout: 90_000 }, async () => {
  outage = await startOutage({ world: { trunks } });
  const { contactOf, job } = outage;
  const roles = ['busy', 'rejects', 'no-answer', 'invalid-number', 'hangs-up-early'];
  await outage.enqueue({ ...reminder, dialString: 'PJSIP/{e164}@nowhere' }, roles.map(contactOf));
  for (const role of roles) await eventually(async () => expect((await job(role))?.reason).toMatch(/refused the dial string/));
  await outage.enqueue(well, [contactOf('busy')]);
  await eventually(async () => expect((await job('busy', well))?.disposition).toBe('busy'));
  expect(outage.told(/can't be used/)).toEqual([0, 0, 0]);
});

it('a carrier that says nothing at all is a broken trunk, and not a list of people who do not pick up', { timeout: 120_000 }, async () => {
  outage = await startOutage({ world: { trunks }, settings: { CALL_CONCURRENCY: '4' } });
  const { asterisk, contactOf, world } = outage;
  asterisk.refuseTrunk('PJSIP/carrier', 'silent');
  await outage.enqueue({ ...ill, limits: { ...ill.limits, answerTimeoutMs: 1_000 } }, FIRST.map(contactOf));
  await eventually(() => expect(outage.told(/Trunk PJSIP\/carrier can't be used/)).toEqual([1, 1, 1]));
  expect(world.smtp.mails.some(({ text }) => /no sign of life/.test(text))).toBe(true);
  expect((await outage.jobs(ill)).map(({ disposition }) => disposition)).not.toContain('no-answer');
  asterisk.refuseTrunk('PJSIP/carrier', undefined);
  await eventually(() => expect(outage.told(/PJSIP\/carrier is back after/)).toEqual([1, 1, 1]));
});

it('a trunk that Asterisk itself finds offline is dialled by nobody, trials neither, and spends no attempt', {
  timeout: 120_000,
}, async () => {
  outage = await startOutage({ world: { trunks }, settings: { CALL_CONCURRENCY: '2' } });
  const { asterisk, contactOf } = outage;
  asterisk.refuseTrunk('PJSIP/carrier', 'offline');
  const behind = ['busy', 'invalid-number'];
  await outage.enqueue(ill, behind.map(contactOf));
  await eventually(() => expect(outage.told(/Trunk PJSIP\/carrier can't be used/)).toEqual([1, 1, 1]));
  await outage.enqueue(well, OTHERS.map(contactOf));
  for (const role of OTHERS) await eventually(async () => expect((await outage.job(role, well))?.state).toBe('completed'));
  expect(outage.log()).toMatch(/call parked: trunk:PJSIP\/carrier is down since .*offline/);
  const waiting = await outage.jobs(ill);
  expect(waiting.map(({ state }) => ['delayed', 'waiting', 'active'].includes(state))).toEqual(behind.map(() => true));
  const overTheIll = () => asterisk.dials.length - OTHERS.length;
  expect(overTheIll()).toBe(0);

  asterisk.refuseTrunk('PJSIP/carrier', undefined);
  await eventually(() => expect(outage.told(/PJSIP\/carrier is back after/)).toEqual([1, 1, 1]));
  await eventually(async () => expect((await outage.jobs(ill)).map(({ state }) => state)).toEqual(behind.map(() => 'completed')));
  // Their first attempt was still theirs.
  expect(overTheIll()).toBe(behind.length);
});

it('one number that its trunk refuses again and again is dialled again, and opens nothing', { timeout: 120_000 }, async () => {
  outage = await startOutage({ settings: { HELD_BACK_WAIT: '20' } });
  await outage.enqueue(reminder, [outage.contactOf('congestion')]);
  await eventually(() => expect(outage.dialsTo('congestion')).toBeGreaterThan(4));
  expect(outage.told(/can't be used/)).toEqual([0, 0, 0]);
});
