import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Campaign, TransferTarget } from '../../src/call/campaign.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let world: Outage;
let takenBack: Campaign;
let attended: Campaign;
beforeAll(async () => {
  world = await startOutage({ roles: ['call', 'delivery'], world: { trunks: ['PJSIP/office'] } });
  attended = campaign('attended', { endpoint: `PJSIP/${personOf('colleague').number}@office` });
  takenBack = campaign('taken-back', { endpoint: `PJSIP/${personOf('busy').number}@office` });
  await Promise.all([call(attended, 'wants-a-person'), call(takenBack, 'asks-for-somebody')]);
});
afterAll(() => world?.stop());

const personOf = (role: string) => world.world.people.byRole(role);
const callOf = (role: string) => world.world.people.log.findLast((record) => record.role === role);

/** A campaign of its own for each story, so that the same person can be called again. */
function campaign(name: string, target: Partial<TransferTarget> & ({ endpoint: string } | { number: string })): Campaign {
  const frontDesk = { about: 'Anything', spoken: 'our front desk', announce: true, ...target };
  return { ...reminder, name, transfer: { ringTimeoutMs: 5_000, maxTalkMs: 60_000, targets: { front_desk: frontDesk } } };
}

const call = (story: Campaign, role: string) => world.enqueue(story, [world.contactOf(role)]);

const ended = (story: Campaign, role: string) =>
  eventually(async () => {
    const job = await world.job(role, story);
    if (job?.disposition === undefined) throw new Error(`the call is ${job?.state}: ${job?.logs.join(' | ')}`);
    return job;
  });

const nothingLeft = () => eventually(() => expect([world.asterisk.channels(), world.asterisk.bridges()]).toEqual([[], []]));

describe('a callee who wants a person', { timeout: 90_000 }, () => {
  it('is told, hears a phone ring, and talks with the colleague, who has heard who is coming; we are out of it', async () => {
    const job = await ended(attended, 'wants-a-person');
    expect(job).toMatchObject({
      disposition: 'transferred',
      reason: expect.stringMatching(/^put through to front_desk; the (callee|colleague) hung up$/),
    });
    expect(callOf('wants-a-person')?.heardText).toContain('I will connect you with our front desk. Please stay on the line.');
    expect(callOf('wants-a-person')?.heardText).toContain('this is the front desk. Your bill is paid.');
    expect(callOf('colleague')?.heardText).toContain(`${personOf('wants-a-person').name} is on the line.`);
    expect(callOf('colleague')?.heardText).toContain('I have a question about my bill.');
  });

  it('is taken back when nobody comes, and the call ends as one of ours', async () => {
    expect(await ended(takenBack, 'asks-for-somebody')).toMatchObject({ disposition: expect.stringMatching(/^(completed|hung-up)$/) });
    expect(callOf('asks-for-somebody')?.heardText).toContain('I am sorry, I could not reach our front desk.');
    expect((await world.job('asks-for-somebody', takenBack))?.logs.join()).toContain('front_desk was not reached: busy');
    await nothingLeft();
  });

  it('is with the colleague when the worker must stop: the drain waits, and then it ends both', async () => {
    const story = campaign('drained', { endpoint: `PJSIP/${personOf('says-nothing').number}@office`, announce: false });
    await call(story, 'wants-a-person');
    await eventually(async () => expect((await world.job('wants-a-person', story))?.logs.join()).toContain('put through to front_desk'));
    await world.app?.stop();
    expect(await ended(story, 'wants-a-person')).toMatchObject({
      disposition: 'transferred',
      reason: expect.stringContaining('the worker was being stopped'),
    });
    await nothingLeft();
  });
});
