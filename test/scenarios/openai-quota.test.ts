import { afterEach, expect, it } from 'vitest';
import { openAiErrors } from '../../src/sandbox/openai/openai-errors.ts';
import { eventually } from '../eventually.ts';
import { type Outage, reminder, startOutage } from './outage.ts';

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});
const opened = /OpenAI.*can't be used/;
const back = /OpenAI.*(is|are) back after/;

it('OpenAI says in the middle of a talk that the quota is spent: at once nobody else is called, until somebody has paid', {
  timeout: 90_000,
}, async () => {
  outage = await startOutage({ settings: { TEXT_TO_SPEECH: 'elevenlabs,openai' } });
  const { world, contactOf, job } = outage;
  await outage.enqueue(reminder, [contactOf('answers-and-asks')]);
  // Somebody is on the line and has been answered once.
  await eventually(async () =>
    expect((await job('answers-and-asks'))?.logs.filter((line) => / agent: /.test(line)).length).toBeGreaterThan(1),
  );
  const spentAt = Date.now();
  // Its control plane is well, as ever when a quota is spent.
  world.openAi.faults.set(openAiErrors.insufficientQuota429, { path: /responses|speech/ });
  await eventually(() => expect(outage.told(opened)).toEqual([1, 1, 1]));
  const asked = () => world.openAi.faults.requests.filter(({ method, at }) => method === 'POST' && at > spentAt);

  await outage.enqueue(reminder, [contactOf('busy'), contactOf('rejects')]);
  for (const role of ['busy', 'rejects']) {
    await eventually(async () => expect((await job(role))?.logs.join()).toMatch(/not now: openai:language-model is down.*quota/));
    expect(outage.dialsTo(role)).toBe(0);
  }
  // One request told it. What follows are trials, ten times as rare as for an outage.
  expect(asked().length).toBeLessThan(5);
  // The account is what is spent: its other voice isn't asked either.
  for (const service of ['language-model', 'text-to-speech'])
    expect(outage.log()).toMatch(new RegExp(`openai:${service} is not asked any more`));
  await eventually(async () =>
    expect(await job('answers-and-asks')).toMatchObject({ reason: expect.stringMatching(/openai:language-model.*quota/) }),
  );
  expect(world.people.log.at(-1)?.heardText).toMatch(/technical difficulties/i);
  world.openAi.faults.clear();
  await eventually(() => expect(outage.told(back)).toEqual([1, 1, 1]));
  // Whatever was asked in the moment of the opening itself; after that nothing for ten times the time of an outage.
  const openedAt = asked()[0]?.at ?? 0;
  const [trial] = asked().filter(({ at }) => at - openedAt > 1_000);
  expect((trial?.at ?? 0) - openedAt).toBeGreaterThan(2_000);
  for (const role of ['busy', 'rejects']) {
    await eventually(async () => expect((await job(role))?.state).toBe('completed'));
    expect(outage.dialsTo(role)).toBe(1);
  }
});

it('OpenAI refuses a request of ours as wrong: the call suffers, no breaker opens, the next one is placed', {
  timeout: 90_000,
}, async () => {
  outage = await startOutage();
  const { world, contactOf, job } = outage;
  world.openAi.faults.set(openAiErrors.contextLength400);
  await outage.enqueue(reminder, ['answers-and-confirms', 'answers-and-asks', 'reschedules', 'wrong-person'].map(contactOf));
  for (const role of ['answers-and-confirms', 'answers-and-asks', 'reschedules', 'wrong-person'])
    await eventually(async () => expect((await job(role))?.state).toBe('failed'));
  await outage.enqueue(reminder, [contactOf('busy')]);
  await eventually(async () => expect((await job('busy'))?.disposition).toBe('busy'));
  expect(outage.told(opened)).toEqual([0, 0, 0]);
  expect(outage.log()).not.toContain('breaker-opened');
});
