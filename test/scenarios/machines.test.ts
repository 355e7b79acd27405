import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

const campaign: Campaign = {
  ...reminder,
  name: 'machines',
  voicemail: 'leave-message',
  voicemailMessage: 'Hello {{name}}, this is the dental practice. Please call us back. Goodbye.',
  optOutKey: '9',
};

let world: Outage;

beforeAll(async () => {
  world = await startOutage({ roles: ['call', 'delivery'] });
  await world.enqueue(campaign, ['answering-machine', 'presses-a-digit'].map(world.contactOf));
});
afterAll(() => world?.stop());

const ended = (role: string) =>
  eventually(async () => {
    const job = await world.job(role, campaign);
    if (job?.disposition === undefined) throw new Error(`${role} is ${job?.state}`);
    return job;
  });
const callOf = (role: string) => world.world.people.log.find((record) => record.role === role);

describe('a campaign that meets machines', { timeout: 90_000 }, () => {
  it('has its message on the answering machine, with the name in it, word for word', async () => {
    expect(await ended('answering-machine')).toMatchObject({
      disposition: 'voicemail',
      reason: expect.stringContaining('a message was left after the beep'),
    });
    const { name } = world.world.people.byRole('answering-machine');
    expect(callOf('answering-machine')?.recordedText).toBe(`Hello ${name}, this is the dental practice. Please call us back. Goodbye.`);
  });

  it('opts out whoever presses the key, and says so to them', async () => {
    expect(await ended('presses-a-digit')).toMatchObject({
      disposition: 'opted-out',
      reason: 'the callee pressed the key that opts out',
    });
    expect(callOf('presses-a-digit')?.heardText).toMatch(/we will not call you again\. Goodbye\.$/);
  });
});
