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

/** A campaign that puts its callees through to this one of the people. */
function campaign(name: string, role: string): Campaign {
  const endpoint = `PJSIP/${outage.world.people.byRole(role).number}@office`;
  const frontDesk = { endpoint, about: 'Anything', spoken: 'our front desk', announce: true };
  return { ...reminder, name, transfer: { ringTimeoutMs: 60_000, maxTalkMs: 60_000, targets: { front_desk: frontDesk } } };
}

it('a worker is killed while one colleague’s phone rings and another one is being told who calls: nobody is left on a dead line, no colleague is rung again, both outcomes are known', {
  timeout: 180_000,
}, async () => {
  outage = await startOutage({ roles: ['delivery'], world: { trunks: ['PJSIP/office'] } });
  const { settings, asterisk, contactOf, dialsTo, enqueue, world } = outage;
  const stories = [
    { story: campaign('rings', 'no-answer'), role: 'wants-a-person' },
    { story: campaign('is-told', 'says-nothing'), role: 'asks-for-somebody' },
  ];
  workers = [await startWorker('call', 'first', settings)];
  for (const { story, role } of stories) await enqueue(story, [contactOf(role)]);

  const phoneOf = (role: string) => {
    const dialled = asterisk.dials.find(({ number }) => number === world.people.byRole(role).number);
    return asterisk.channels().find(({ id }) => id === dialled?.channelId);
  };
  await eventually(() => {
    expect(phoneOf('no-answer')?.state).toBe('Ringing');
    const told = phoneOf('says-nothing')?.id ?? '';
    expect(asterisk.bridges().flatMap(({ channels }) => channels)).toContain(told);
  });
  await workers[0]?.kill();
  const killedAt = Date.now();
  workers.push(await startWorker('call', 'second', settings));

  await eventually(() => expect([asterisk.channels(), asterisk.bridges()]).toEqual([[], []]));
  // Swept, or, were nobody there to sweep, ended by themselves after half a minute.
  const waited = ['wants-a-person', 'asks-for-somebody', 'says-nothing'].map((role) => {
    const call = world.people.log.findLast((record) => record.role === role);
    return { role, ms: (call?.endedAt ?? Number.POSITIVE_INFINITY) - killedAt, by: call?.endedBy };
  });
  for (const { ms } of waited) expect(ms, JSON.stringify(waited)).toBeLessThan(35_000);
  expect(waited.map(({ by }) => by)).toEqual(['caller', 'caller', 'caller']);

  // Called once more, in some minutes, and not before.
  for (const { story } of stories)
    await eventually(async () =>
      expect((await outage.jobs(story)).map(({ state, disposition, reason }) => [state, disposition, reason]).toSorted()).toEqual([
        ['completed', 'interrupted', 'the worker that was calling stopped in the middle of the call'],
        ['delayed', undefined, undefined],
      ]),
    );
  for (const role of ['wants-a-person', 'asks-for-somebody', 'no-answer', 'says-nothing']) expect([role, dialsTo(role)]).toEqual([role, 1]);
});
