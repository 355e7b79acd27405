import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type App, startApp } from '../../src/app.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import { channelId } from '../../src/call/channel-id.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { attemptId, createKeys } from '../../src/queue/keys.ts';
import { startWorld, type World } from '../../src/sandbox/world.ts';
import { openContactSink } from '../../src/wire-producer.ts';
import { eventually } from '../eventually.ts';

let world: World;
let app: App | undefined;
let config: Config;
let redis: Redis;
let dataDir: string;
let queue: ReturnType<typeof createCallQueue>;

const campaign: Campaign = {
  name: 'reminder',
  callerId: '+12025550199',
  dialString: 'PJSIP/{e164}@people',
  defaultCountry: 'US',
  language: 'en-US',
  voice: 'v1',
  greeting: 'Hello {{name}}, this is the dental practice with a greeting that takes its time to be spoken to its end.',
  disclosure: 'I am an assistant.',
  goodbye: 'Goodbye.',
  goal: 'Confirm the appointment.',
  script: 'Ask whether the appointment still suits.',
  hours: { from: '00:00', to: '24:00' },
  recording: false,
  whenServiceDown: 'wait',
  limits: { answerTimeoutMs: 5_000, maxCallMs: 60_000, maxTurns: 10 },
};

const start = () => startApp(config, ['call'], createLogger({ level: 'silent', secrets: [], write: () => {} }));

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringfence-stops-'));
  world = await startWorld({ asterisk: 'sandbox', dataDir });
  config = loadConfig(['call'], {
    ...world.settings,
    REDIS_URL: inject('redisUrl'),
    REDIS_DISPOSABLE: 'true',
    QUEUE_PREFIX: `test-${randomUUID()}`,
    DATA_DIR: dataDir,
    ARI_APP: 'scenario-worker-stops',
    DRAIN_TIMEOUT: '500',
  });
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  queue = createCallQueue(redis, config.queuePrefix);
});
afterAll(async () => {
  await app?.stop();
  await world?.stop();
  const keys = await redis.keys(`${config.queuePrefix}:*`);
  if (keys.length > 0) await redis.del(...keys);
  await queue.close();
  await redis.quit();
  await rm(dataDir, { recursive: true, force: true });
});

it('a worker that is stopped in the middle of a talk says goodbye, and the contact is called once more later', {
  timeout: 90_000,
}, async () => {
  const { number, name } = world.people.byRole('answers-and-confirms');
  const id = attemptId('reminder', number, 1);
  app = await start();
  const sink = await openContactSink(config, campaign);
  await sink.add([{ phone: number, name, timeZones: ['America/New_York'], variables: {} }], { update: false, dryRun: false });
  await sink.close();
  await eventually(async () => expect((await queue.getJob(id))?.progress).toMatchObject({ state: 'talking' }));
  await app.stop();

  expect((await queue.getJob(id))?.returnvalue).toMatchObject({ disposition: 'interrupted', reason: expect.stringMatching(/stopped/) });
  await eventually(() => expect(world.people.log.at(-1)?.heardText).toMatch(/I am sorry, I have to end our call here\. Goodbye\.$/));
  expect([world.asterisk?.channels(), world.asterisk?.bridges()]).toEqual([[], []]);

  app = await start();
  const second = attemptId('reminder', number, 2);
  await eventually(async () => expect(await queue.getJobState(second)).toBe('delayed'));
  expect((await queue.getJob(second))?.delay).toBeGreaterThan(200_000);
  expect(world.asterisk?.dials).toHaveLength(1);
});

it('what a dead worker left in Asterisk is ended by a living one, and what others made there is not', { timeout: 60_000 }, async () => {
  app ??= await start();
  const installation = await redis.get(createKeys(config.queuePrefix).installation);
  const orphan = channelId(installation ?? '', attemptId('gone', '+12025550100', 1), 1);
  const auth = `Basic ${Buffer.from(`${config.ari.username}:${config.ari.password}`).toString('base64')}`;
  const make = (id: string) =>
    fetch(`${config.ari.url}/ari/bridges/${encodeURIComponent(id)}?type=mixing`, { method: 'POST', headers: { authorization: auth } });
  await make('of-somebody-else');
  await make(orphan);
  await eventually(() => expect(world.asterisk?.bridges().map(({ id }) => id)).toEqual(['of-somebody-else']));
});
