import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, inject, it, vi } from 'vitest';
import { type ChildBreakers, type CountedService, startChild, startCountedService } from './processes.ts';

/** Four processes that start, on a machine that may have better to do. */
const patiently = { timeout: 60_000, interval: 25 };
let prefix: string;
let service: CountedService;
let children: ChildBreakers[];
beforeEach(async () => {
  prefix = `test-${randomUUID()}`;
  service = await startCountedService(50);
  children = [];
});
afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()));
  await service.stop();
  const redis = new Redis(inject('redisUrl'));
  const left = await redis.keys(`${prefix}:*`);
  if (left.length > 0) await redis.del(...left);
  await redis.quit();
});

/** @param deadlineMs longer than a machine that has better to do lets anybody wait, unless it is waited for. */
async function start(count: number, probes: 'probes' | 'none', deadlineMs = 20_000): Promise<ChildBreakers[]> {
  const options = { redisUrl: inject('redisUrl'), prefix, serviceUrl: service.url, probes, deadlineMs };
  children = await Promise.all(Array.from({ length: count }, () => startChild(options)));
  return children;
}
const allAre = (state: string) =>
  vi.waitFor(async () => {
    const answers = await Promise.all(children.map((child) => child.ask()));
    expect(answers.map((answer) => answer.state)).toEqual(children.map(() => state));
  }, patiently);
/** Each once: news whose teller was too slow to say so is told again, under the same id. */
function told(): string[] {
  const news = new Map(children.flatMap(({ changes }) => changes.map((change) => [change.id, change])));
  return [...news.values()].map(({ kind, scope }) => `${kind} ${scope}`);
}
const seen = (path: string) => service.seen.filter((one) => one.path === path).length;

it('four processes send one trial at a time, and one success brings all of them back', { timeout: 180_000 }, async () => {
  await start(4, 'none');
  service.answer = 'unavailable';
  await children[0]?.ask({ send: 4 });
  await vi.waitFor(() => expect(told()).toEqual(['breaker-opened fleet']), patiently);
  await allAre('half-open');
  const before = service.seen.length;
  service.mostAtOnce = 0;
  // All of them press on, the whole time; only trials come through.
  await Promise.all(children.map((child) => child.ask({ send: 200 })));
  expect(service.seen.length).toBeGreaterThan(before);
  expect(service.mostAtOnce).toBe(1);
  service.answer = 'well';
  await vi.waitFor(async () => {
    await children[0]?.ask({ send: 1 });
    expect(told().sort()).toEqual(['breaker-closed fleet', 'breaker-opened fleet']);
  }, patiently);
  await allAre('closed');
});

it('with nobody calling, processes that can probe bring the service back, one probe at a time', { timeout: 180_000 }, async () => {
  await start(3, 'probes');
  service.answer = 'unavailable';
  await children[0]?.ask({ send: 4 });
  await vi.waitFor(() => expect(told()).toEqual(['breaker-opened fleet']), patiently);
  await vi.waitFor(() => expect(seen('/probe')).toBeGreaterThan(3), patiently);
  expect(service.mostAtOnce).toBe(1);
  service.answer = 'well';
  await allAre('closed');
  await vi.waitFor(() => expect(told().sort()).toEqual(['breaker-closed fleet', 'breaker-opened fleet']), patiently);
});

it('a process that is killed in the middle of its trial keeps nobody from the next one', { timeout: 180_000 }, async () => {
  // The lease of the one that is killed has to run out.
  await start(2, 'none', 4_000);
  const [first, second] = children;
  service.answer = 'unavailable';
  await first?.ask({ send: 4 });
  await allAre('half-open');
  service.answer = 'hangs';
  const before = service.seen.length;
  void first?.ask({ send: 1 });
  await vi.waitFor(() => expect(service.seen.length).toBe(before + 1), patiently);
  await first?.kill();
  expect((await second?.ask({ send: 1 }))?.results).toEqual(['breaker-open']);
  service.answer = 'well';
  await vi.waitFor(async () => expect((await second?.ask({ send: 1 }))?.results).toEqual(['ok']), patiently);
  expect((await second?.ask())?.state).toBe('closed');
});
