import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, expect, it } from 'vitest';
import { connectRedisNow } from '../../src/queue/redis.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';
import { type RedisFleet, startRedisFleet } from './redis-fleet.ts';

const trusted = getCACertificates('default');
let outage: Outage | undefined;
let fleet: RedisFleet | undefined;
let dir: string;
afterEach(async () => {
  await outage?.stop();
  await fleet?.stop();
  setDefaultCACertificates(trusted);
  await rm(dir, { recursive: true, force: true });
});

it('over TLS and behind Sentinels calls are placed, also after the master has died and its replica took its place', {
  timeout: 120_000,
}, async (test) => {
  dir = await mkdtemp(join(tmpdir(), 'ringfence-fleet-'));
  fleet = await startRedisFleet(dir);
  if (fleet === undefined) return test.skip('no real Redis or no openssl here');
  const { url, authority, killMaster } = fleet;
  await expect(connectRedisNow(url)).rejects.toThrow(/main of Sentinels 127\.0\.0\.1:\d+ can't be reached/);
  setDefaultCACertificates([...trusted, authority]);
  // A Sentinel answers before it knows the replica.
  await eventually(async () => {
    const redis = await connectRedisNow(url);
    expect(await redis.info('replication')).toMatch(/^slave0:.*state=online/m);
    await redis.quit();
  });
  outage = await startOutage({ roles: ['call'], redisUrl: url, settings: { REDIS_DISPOSABLE: 'false' } });
  const { contactOf, job } = outage;
  await outage.enqueue(reminder, [contactOf('busy')]);
  await eventually(async () => expect((await job('busy'))?.disposition).toBe('busy'));

  await outage.enqueue({ ...reminder, hours: { from: '00:00', to: '24:00' } }, [contactOf('says-nothing')]);
  await eventually(async () => expect((await job('says-nothing'))?.progress).toBe('talking'));
  await killMaster();
  await eventually(async () => {
    const redis = await connectRedisNow(url);
    await redis.set('the new master', 'can be written').finally(() => redis.disconnect());
  });
  await outage.enqueue(reminder, [contactOf('rejects')]);
  await eventually(async () => expect((await job('rejects'))?.disposition).toBe('rejected'));
  // Who was talked to meanwhile was not cut, nor called again.
  expect((await job('says-nothing'))?.progress).toBe('talking');
  for (const role of ['busy', 'says-nothing', 'rejects']) expect(outage.dialsTo(role)).toBe(1);
});
