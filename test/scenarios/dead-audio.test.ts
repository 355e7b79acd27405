import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let world: Outage;
beforeAll(async () => {
  world = await startOutage({ roles: ['call', 'delivery'] });
});
afterAll(() => world?.stop());

const apology = 'We have to end this call here, please ring us back.';
const campaign: Campaign = { ...reminder, name: 'dead-audio', apology };

it('when the audio between Asterisk and us dies for good, Asterisk itself plays the apology, and humans are told', {
  timeout: 90_000,
}, async () => {
  await world.enqueue(campaign, [world.contactOf('says-nothing')]);
  await eventually(async () => expect((await world.job('says-nothing', campaign))?.progress).toBe('talking'));
  const since = Date.now();
  world.asterisk.faults.set({ kind: 'status', status: 500, body: { message: 'no' } }, { path: /externalMedia/ });
  world.asterisk.dropMedia();
  const job = await eventually(async () => {
    const seen = await world.job('says-nothing', campaign);
    if (seen?.state !== 'failed') throw new Error(`the call is ${seen?.state}`);
    return seen;
  });
  expect(job.reason).toContain('Asterisk closed it');
  expect(job.logs.join()).toContain('Asterisk itself played the apology');
  const call = world.world.people.log.at(-1);
  expect(call?.heardText).toMatch(/We have to end this call here, please ring us back\.$/);
  const [first] = call?.heard.filter(({ text }) => text === 'We') ?? [];
  // Five seconds for another leg, one to hear that the callee is still there.
  expect((call?.answeredAt ?? 0) + (first?.startMs ?? Number.NaN) - since).toBeLessThan(12_000);
  expect(await readdir(join(world.config.dataDir, 'speech'))).toContainEqual(expect.stringMatching(/^apology-\w+\.sln16$/));
  await eventually(() => expect([world.asterisk.channels(), world.asterisk.bridges()]).toEqual([[], []]));
});
