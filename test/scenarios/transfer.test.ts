import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Campaign, TransferTarget } from '../../src/call/campaign.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let world: Outage;
beforeAll(async () => {
  world = await startOutage({ roles: ['call', 'delivery'], world: { trunks: ['PJSIP/office'] } });
});
afterAll(() => world?.stop());

const personOf = (role: string) => world.world.people.byRole(role);
const callOf = (role: string) => world.world.people.log.findLast((record) => record.role === role);

/** A campaign of its own for each story, so that the same person can be called again. */
function campaign(
  name: string,
  target: Partial<TransferTarget> & ({ endpoint: string } | { number: string }),
  maxTalkMs = 60_000,
): Campaign {
  const frontDesk = { about: 'Anything', spoken: 'our front desk', announce: true, ...target };
  return { ...reminder, name, transfer: { ringTimeoutMs: 5_000, maxTalkMs, targets: { front_desk: frontDesk } } };
}

async function call(story: Campaign) {
  await world.enqueue(story, [world.contactOf('wants-a-person')]);
}

const ended = (story: Campaign) =>
  eventually(async () => {
    const job = await world.job('wants-a-person', story);
    if (job?.disposition === undefined) throw new Error(`the call is ${job?.state}: ${job?.logs.join(' | ')}`);
    return job;
  });

const nothingLeft = () => eventually(() => expect([world.asterisk.channels(), world.asterisk.bridges()]).toEqual([[], []]));

describe('a callee who wants a person', { timeout: 90_000 }, () => {
  it('is told, hears a phone ring, and talks with the colleague, who has heard who is coming; we are out of it', async () => {
    const story = campaign('attended', { endpoint: `PJSIP/${personOf('colleague').number}@office` });
    await call(story);
    const job = await ended(story);
    expect(job).toMatchObject({
      disposition: 'transferred',
      reason: expect.stringMatching(/^put through to front_desk; the (callee|colleague) hung up$/),
    });
    expect(callOf('wants-a-person')?.heardText).toContain('I will connect you with our front desk. Please stay on the line.');
    expect(callOf('wants-a-person')?.heardText).toContain('this is the front desk. Your bill is paid.');
    expect(callOf('colleague')?.heardText).toContain(`${personOf('wants-a-person').name} is on the line.`);
    expect(callOf('colleague')?.heardText).toContain('I have a question about my bill.');
    await nothingLeft();
  });
});
