import { afterEach, expect, it } from 'vitest';
import type { OutcomeNews } from '../../src/call/outbox-entry.ts';
import { createKeys } from '../../src/queue/keys.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';
import { startWorker, type WorkerProcess } from './worker-processes.ts';

let outage: Outage;
let workers: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  workers = [];
  await outage?.stop();
});

it('"stop calling me", and the worker is killed at that word: nobody forgets it, and what waited for that number is cancelled', {
  timeout: 120_000,
}, async () => {
  // Without ElevenLabs, whose SDK takes each of the workers seconds to load.
  const settings = { TEXT_TO_SPEECH: 'openai', SPEECH_TO_TEXT: 'deepgram' };
  outage = await startOutage({ roles: ['delivery'], settings });
  const { contactOf, job, redis, world } = outage;
  const contact = contactOf('wants-to-be-left-alone');
  // Never its hour: it waits for a later time.
  const never = { ...reminder, name: 'later', hours: { from: '00:00', to: '00:01' } };
  const first = await startWorker('call', 'first', outage.settings);
  workers.push(first);
  await outage.enqueue(never, [contact]);
  await eventually(async () => expect((await job('wants-to-be-left-alone', never))?.state).toBe('delayed'));
  await outage.enqueue(reminder, [contact]);

  const { doNotCall } = createKeys(outage.config.queuePrefix);
  await eventually(async () => expect(await redis.hlen(doNotCall)).toBe(1));
  await first.kill();
  workers.push(await startWorker('call', 'second', outage.settings));

  await eventually(async () => expect((await job('wants-to-be-left-alone'))?.disposition).toBe('opted-out'));
  await eventually(async () => expect((await job('wants-to-be-left-alone', never))?.disposition).toBe('cancelled'));
  expect(outage.dialsTo('wants-to-be-left-alone')).toBe(1);
  const told = () =>
    world.outcomes.deliveries.map(({ body }) => (body as OutcomeNews).data).map((data) => [data.campaign, data.disposition, data.redialAt]);
  await eventually(() =>
    expect(told().sort()).toEqual([
      ['later', 'cancelled', null],
      ['reminder', 'opted-out', null],
    ]),
  );
});
