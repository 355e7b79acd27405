import { afterEach, expect, it } from 'vitest';
import { elevenLabsErrors } from '../../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';
import { runBreakerCommand, startWorker, type WorkerProcess } from './worker-processes.ts';

let outage: Outage;
let workers: WorkerProcess[] = [];
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  await outage?.stop();
});

const DEADLINE_MS = 2_000;
const VOICE = 'elevenlabs:text-to-speech';
const VOICE_ONLY = { path: /text-to-speech/ };
/** Trials speak with another voice than calls. */
const isTrial = ({ method, path }: { method: string; path: string }) =>
  method === 'POST' && path.includes('/text-to-speech/') && !path.includes(reminder.voice);

it('two call workers and a health worker share one breaker: it refuses in both, is tried by one at a time, closes without the health worker, and obeys a human', {
  timeout: 180_000,
}, async () => {
  // Alerts are told by a fourth process: this one.
  outage = await startOutage({ roles: ['delivery'], settings: { CALL_CONCURRENCY: '1', SERVICE_DEADLINE: String(DEADLINE_MS) } });
  const { world, settings, contactOf, job, asterisk } = outage;
  workers = await Promise.all([
    startWorker('call', 'first', settings),
    startWorker('call', 'second', settings),
    startWorker('health', 'health', settings),
  ]);
  const [first, second, health] = workers;
  const started = { first: 'call worker started', second: 'call worker started', health: 'health worker started' };
  await eventually(async () => {
    for (const [i, words] of Object.values(started).entries()) expect(await workers[i]?.log()).toContain(words);
  });

  // Not all of ElevenLabs: its two services would be one incident, told under the name of the first to open.
  world.elevenLabs.faults.set(elevenLabsErrors.unavailable503, VOICE_ONLY);
  await outage.enqueue(reminder, [contactOf('answers-and-confirms')]);
  await eventually(() => expect(outage.told(/text-to-speech can't be used/i)).toEqual([1, 1, 1]));
  const waiting = ['busy', 'rejects', 'invalid-number', 'no-answer'];
  await outage.enqueue(reminder, waiting.map(contactOf));
  for (const worker of [first, second])
    await eventually(async () => expect(await worker?.log()).toMatch(/call parked: elevenlabs:[a-z-]+ is down/));
  const list = await runBreakerCommand(['list'], settings);
  expect(list.output).toMatch(new RegExp(`${VOICE}.*open`));
  expect(list.code).toBe(0);

  // A trial lasts for a whole deadline now, so that two at a time would be seen.
  world.elevenLabs.faults.set({ kind: 'hang' }, VOICE_ONLY);
  const hangsFrom = Date.now();
  const trials = () => world.elevenLabs.faults.requests.filter((request) => isTrial(request) && request.at >= hangsFrom);
  await eventually(() => expect(trials().length).toBeGreaterThanOrEqual(3));
  await health?.kill();
  const killedAt = Date.now();
  await eventually(() => expect(trials().filter(({ at }) => at > killedAt + DEADLINE_MS).length).toBeGreaterThanOrEqual(3));
  const gaps = trials().map(({ at }, i, all) => at - (all[i - 1]?.at ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThan(DEADLINE_MS / 2);
  expect(asterisk.dials).toEqual([]);

  world.elevenLabs.faults.clear();
  await eventually(() => expect(outage.told(/text-to-speech (is|are) back after/i)).toEqual([1, 1, 1]));
  for (const role of waiting) {
    await eventually(async () => expect((await job(role))?.state).toBe('completed'));
    expect(outage.dialsTo(role)).toBe(1);
  }

  const closed = await runBreakerCommand(['open', 'openai:language-model', 'we are moving'], settings);
  expect(closed).toMatchObject({ code: 0, output: expect.stringContaining('not asked any more') });
  await outage.enqueue(reminder, [contactOf('hangs-up-early')]);
  await eventually(async () =>
    expect((await job('hangs-up-early'))?.logs.join()).toMatch(/not now: openai:language-model is down.*we are moving/),
  );
  await runBreakerCommand(['close', 'openai:language-model'], settings);
  await eventually(async () => expect((await job('hangs-up-early'))?.disposition).toBe('hung-up'));
  expect(outage.dialsTo('hangs-up-early')).toBe(1);
});
