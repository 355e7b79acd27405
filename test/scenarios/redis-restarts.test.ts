import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';
import { type OwnRedis, startOwnRedis } from './own-redis.ts';

let server: OwnRedis | undefined;
let outage: Outage;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ringfence-own-redis-'));
  server = await startOwnRedis(dir);
});
afterAll(async () => {
  await outage?.stop();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

it('Redis is killed in the middle of a talk and comes back: nobody hears of it, the outcome is written once, the queue goes on', {
  timeout: 180_000,
}, async (test) => {
  if (server === undefined) return test.skip('no redis-server here that can be killed');
  // It keeps its word, as one for real calls must.
  outage = await startOutage({
    roles: ['call', 'health', 'delivery', 'web'],
    redisUrl: server.url,
    settings: { REDIS_DISPOSABLE: 'false', CALL_CONCURRENCY: '1', WEB_PORT: '0', WEB_PASSWORD: 'open sesame' },
  });
  const ask = (path: string) =>
    fetch(`${outage.app?.web?.url}${path}`, {
      headers: { authorization: `Basic ${Buffer.from('ringfence:open sesame').toString('base64')}` },
    });
  const { world, contactOf, job, asterisk } = outage;
  await outage.enqueue(reminder, ['answers-and-confirms', 'busy', 'rejects'].map(contactOf));
  await eventually(async () => expect((await job('answers-and-confirms'))?.progress).toBe('talking'));
  await server.kill();
  await eventually(() => expect(outage.log()).toContain('nothing new is dialled until it can'));
  // The pages say so too, without Redis.
  await eventually(async () => expect((await ask('/readyz')).status).toBe(503));
  expect(await (await ask('/')).text()).toMatch(/Redis can.{1,6}t be used: no new call begins, calls that have begun go on/);
  await server.restart();
  await eventually(async () => expect((await ask('/readyz')).status).toBe(200));

  await eventually(async () => expect((await job('answers-and-confirms'))?.disposition).toBe('completed'));
  expect(world.people.log[0]?.heardText).toMatch(/appointment is confirmed.*Goodbye\.$/);
  for (const role of ['busy', 'rejects']) await eventually(async () => expect((await job(role))?.state).toBe('completed'));
  await eventually(() => expect(world.hubSpot.rows).toHaveLength(3));
  await eventually(() => expect(outage.sheetRows('call')).toBe(3));
  expect(asterisk.dials).toHaveLength(3);
});
