import { afterEach, expect, it } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';
import { startWorker, type WorkerProcess } from './worker-processes.ts';

let outage: Outage;
let workers: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await outage?.stop();
});

const callOf = (role: string) => outage.world.people.log.findLast((record) => record.role === role);

/** The worker that had the talk with the callee. */
async function owner(): Promise<WorkerProcess> {
  for (const worker of workers) if (/conversation ended: put through/.test(await worker.log())) return worker;
  throw new Error('nobody was put through yet');
}

it('a worker is killed while the callee talks with a colleague: the two talk on, another worker watches over them and tells how it ended', {
  timeout: 180_000,
}, async () => {
  outage = await startOutage({ roles: ['delivery'], world: { trunks: ['PJSIP/office'] } });
  const { settings, asterisk, contactOf, dialsTo, world } = outage;
  const endpoint = `PJSIP/${world.people.byRole('slow-colleague').number}@office`;
  const frontDesk = { endpoint, about: 'Anything', spoken: 'our front desk', announce: false };
  const story: Campaign = {
    ...reminder,
    transfer: { ringTimeoutMs: 20_000, maxTalkMs: 60_000, targets: { front_desk: frontDesk } },
  };
  const job = () => outage.job('asks-for-somebody', story);
  workers = await Promise.all(['first', 'second'].map((name) => startWorker('call', name, settings)));
  for (const worker of workers) await eventually(async () => expect(await worker.log()).toContain('call worker started'));

  await outage.enqueue(story, [contactOf('asks-for-somebody')]);
  const talking = await eventually(owner);
  const killedAt = Date.now();
  await talking.kill();

  await eventually(async () => expect((await job())?.logs.join()).toContain('watches over the callee and front_desk, who talk on'));
  await eventually(async () =>
    expect(await job()).toMatchObject({
      disposition: 'transferred',
      reason: expect.stringMatching(
        /^put through to front_desk; the worker that called stopped meanwhile; the (callee|colleague) hung up$/,
      ),
    }),
  );
  // Long after a sweep would have ended them.
  expect(callOf('slow-colleague')?.endedAt).toBeGreaterThan(killedAt + 10_000);
  expect(callOf('slow-colleague')).toMatchObject({ heardText: 'I have a question about my bill.' });
  expect(callOf('asks-for-somebody')?.heardText).toMatch(/This is the front desk\. Your bill is paid\. Goodbye\.$/);
  await eventually(() => expect([asterisk.channels(), asterisk.bridges()]).toEqual([[], []]));
  // Nobody is called again who has talked to a person.
  expect(dialsTo('asks-for-somebody')).toBe(1);
  expect(await outage.jobs(story)).toHaveLength(1);
});
