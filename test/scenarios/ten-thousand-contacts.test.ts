import { afterEach, expect, it } from 'vitest';
import type { Contact } from '../../src/call/contact.ts';
import { elevenLabsErrors } from '../../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { sleep } from '../../src/sleep.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});

const ONCE = [1, 1, 1];
const failed = /[Cc]all failed/;
const opened = /can't be used/;
const back = /is back after/;
const COUNT = 10_000;
/** Nobody in the sandbox: whoever calls them hears that the number doesn't exist. */
const strangers: Contact[] = Array.from({ length: COUNT }, (_, i) => ({
  ...{ phone: `+1202556${String(i).padStart(4, '0')}`, name: 'Somebody' },
  ...{ timeZones: ['America/New_York'], variables: {} },
}));
/** Messages on each channel, of any kind. */
const messages = () => {
  const { smtp, telegram, webhook } = outage.world;
  return [smtp.mails.length, telegram.messages.length, webhook.deliveries.length];
};

/** The call that found out is the only one that fails. */
async function startWithoutVoice(): Promise<void> {
  outage = await startOutage();
  outage.world.elevenLabs.faults.set(elevenLabsErrors.unavailable503, { path: /text-to-speech/ });
  await outage.enqueue(reminder, [outage.contactOf('busy')]);
  await eventually(() => expect([outage.told(opened), outage.told(failed)]).toEqual([ONCE, ONCE]));
}

it('ten thousand contacts meet an outage: none is lost, Redis hardly notices, and humans get a message and its end', {
  timeout: 120_000,
}, async () => {
  await startWithoutVoice();
  const { world, queue, asterisk } = outage;
  await outage.enqueue(reminder, strangers);
  const looks = () => outage.log().split('call parked: elevenlabs:').length - 1;
  await eventually(() => expect(looks()).toBeGreaterThan(0));
  const [before, since] = [looks(), performance.now()];
  await sleep(3_000);
  const seconds = (performance.now() - since) / 1_000;
  // It is a cap: a machine under load only stays farther below it. (Unbounded, it is thousands.)
  expect(looks() - before).toBeLessThanOrEqual(21 * seconds + 5);
  expect(await queue.getFailedCount()).toBe(1);
  expect(asterisk.dials).toEqual([]);
  const { waiting = 0, delayed = 0, active = 0 } = await queue.getJobCounts('waiting', 'delayed', 'active');
  expect(waiting + delayed + active).toBe(COUNT);
  expect(messages()).toEqual([2, 2, 2]);

  world.elevenLabs.faults.clear();
  await eventually(() => expect(outage.told(back)).toEqual(ONCE));
  await eventually(() => expect(asterisk.dials.length).toBeGreaterThan(3));
  expect(await queue.getFailedCount()).toBe(1);
  expect(messages()).toEqual([3, 3, 3]);
  expect(world.smtp.mails.some(({ text }) => /Calls held back: [1-9]/.test(text))).toBe(true);
});

it('a campaign that would rather fail than wait fails at once, and its failures are told in one message', { timeout: 90_000 }, async () => {
  await startWithoutVoice();
  const { queue, asterisk } = outage;
  await outage.enqueue({ ...reminder, whenServiceDown: 'fail' }, strangers.slice(0, 200));
  await eventually(async () => expect(await queue.getFailedCount()).toBe(201));
  const [last] = await queue.getFailed(0, 0);
  expect(last?.failedReason).toMatch(/elevenlabs:.* is down since/);
  expect(asterisk.dials).toEqual([]);
  outage.world.elevenLabs.faults.clear();
  await eventually(() => expect(outage.told(back)).toEqual(ONCE));
  expect(messages()).toEqual([3, 3, 3]);
  expect(outage.world.smtp.mails.some(({ text }) => /\+200 more calls failed/.test(text))).toBe(true);
});

it('ten thousand contacts wait for a trunk that is down, and those of another campaign behind them are called within seconds', {
  timeout: 120_000,
}, async () => {
  const settings = { CALL_CONCURRENCY: '2', HELD_BACK_WAIT: '30000' };
  outage = await startOutage({ world: { trunks: ['PJSIP/carrier', 'PJSIP/other'] }, settings });
  const { asterisk, queue, contactOf } = outage;
  asterisk.refuseTrunk('PJSIP/carrier', { cause: 34, sipStatus: 503 });
  const ill = { ...reminder, name: 'over-the-ill-trunk', dialString: 'PJSIP/{e164}@carrier' };
  const well = { ...reminder, name: 'over-the-other', dialString: 'PJSIP/{e164}@other' };
  await outage.enqueue(ill, strangers);
  await eventually(() => expect(outage.told(/Trunk PJSIP\/carrier can't be used/)).toEqual(ONCE));
  const behind = ['busy', 'rejects', 'congestion'];
  await outage.enqueue(well, behind.map(contactOf));
  const since = performance.now();
  await eventually(() => expect(behind.map((role) => outage.dialsTo(role))).toEqual([1, 1, 1]));
  // Looked at one by one, the others would have kept them waiting for more than eight minutes.
  expect(performance.now() - since).toBeLessThan(30_000);
  expect(await queue.getFailedCount()).toBe(0);
  const { delayed = 0 } = await queue.getJobCounts('delayed');
  expect(delayed).toBeGreaterThan(COUNT - 300);
});
