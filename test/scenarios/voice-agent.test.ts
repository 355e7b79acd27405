import { afterEach, describe, expect, it } from 'vitest';
import { deepgramErrors } from '../../src/sandbox/deepgram/deepgram-errors.ts';
import { eventually } from '../eventually.ts';
import { type Outage, type OutageOptions, reminder, startOutage } from './outage.ts';

const AGENT = { path: /agent/ };
const opened = /Deepgram voice-agent.*can't be used/;
const back = /Deepgram voice-agent.*is back after/;

let outage: Outage;
afterEach(async () => {
  await outage?.stop();
});
const start = async (settings: OutageOptions['settings'] = {}, options: OutageOptions = {}) => {
  outage = await startOutage({ ...options, settings: { AI: 'deepgram-agent', OPENAI_API_KEY: '', ...settings } });
  return outage;
};

describe('a worker whose calls are held by Deepgram’s voice agent', { timeout: 90_000 }, () => {
  it('needs no other model; the agent is down before the dial: nobody is rung until it is well, then everybody is', async () => {
    const { world, contactOf, job, told, dialsTo, enqueue, log } = await start();
    const { deepgram, people } = world;
    deepgram.faults.set(deepgramErrors.unavailable503, AGENT);
    await enqueue(reminder, [contactOf('answers-and-confirms')]);
    await eventually(() => expect(told(opened)).toEqual([1, 1, 1]));
    // It spent its four requests.
    await eventually(async () => expect((await job('answers-and-confirms'))?.reason).toMatch(/the phone did not ring: .*503/));

    await enqueue(reminder, [contactOf('wants-to-be-left-alone'), contactOf('busy')]);
    for (const role of ['wants-to-be-left-alone', 'busy'])
      await eventually(async () => expect((await job(role))?.logs.join()).toMatch(/not now: deepgram:voice-agent is down/));
    expect(people.log).toEqual([]);

    deepgram.faults.clear();
    await eventually(() => expect(told(back)).toEqual([1, 1, 1]));
    await eventually(async () => expect((await job('busy'))?.disposition).toBe('busy'));
    await eventually(async () => expect((await job('wants-to-be-left-alone'))?.disposition).toBe('opted-out'));
    expect([dialsTo('answers-and-confirms'), dialsTo('wants-to-be-left-alone'), dialsTo('busy')]).toEqual([0, 1, 1]);
    // What the callee heard is what stands in the transcript, opening and all.
    const said = (await job('wants-to-be-left-alone'))?.logs.flatMap((line) => /^\S+ agent: (.*?)( …)?$/.exec(line)?.[1] ?? []);
    expect(people.log.find(({ role }) => role === 'wants-to-be-left-alone')?.heardText).toBe(said?.join(' '));
    expect(world.openAi.faults.requests).toEqual([]);
    expect(log()).not.toContain('sandbox-deepgram-key');
  });

  it('has a key that is not good: the first request tells it, and nobody is rung', async () => {
    const { world, contactOf, job, told, dialsTo, enqueue } = await start({ DEEPGRAM_API_KEY: 'a-key-of-somebody-else' });
    await enqueue(reminder, [contactOf('answers-and-confirms'), contactOf('busy')]);
    await eventually(() => expect(told(opened)).toEqual([1, 1, 1]));
    await eventually(async () => expect((await job('busy'))?.logs.join()).toMatch(/not now: deepgram:voice-agent is down.*INVALID_AUTH/));
    expect([dialsTo('answers-and-confirms'), dialsTo('busy'), world.people.log]).toEqual([0, 0, []]);
  });

  it('puts a callee through: the colleague is told who calls, and the two talk', async () => {
    const { world, contactOf, job, enqueue, asterisk } = await start({}, { world: { trunks: ['PJSIP/office'] } });
    const { people, deepgram } = world;
    const endpoint = `PJSIP/${people.byRole('colleague').number}@office`;
    const targets = { front_desk: { endpoint, about: 'Anything', spoken: 'our front desk', announce: true } };
    const story = { ...reminder, name: 'agent-transfers', transfer: { ringTimeoutMs: 20_000, maxTalkMs: 60_000, targets } };
    await enqueue(story, [contactOf('wants-a-person')]);
    await eventually(async () =>
      expect(await job('wants-a-person', story)).toMatchObject({
        disposition: 'transferred',
        reason: expect.stringMatching(/^put through to front_desk; the (callee|colleague) hung up$/),
      }),
    );
    const heardBy = (role: string) => people.log.findLast((record) => record.role === role)?.heardText;
    expect(heardBy('wants-a-person')).toMatch(
      /I will connect you with our front desk\. Please stay on the line\..*this is the front desk\. Your bill is paid\./,
    );
    expect(heardBy('colleague')).toBe(
      `Here comes a call for you from our assistant. ${people.byRole('wants-a-person').name} is on the line. I have a question about my bill.`,
    );
    expect(deepgram.agentSettings).toHaveLength(1);
    await eventually(() => expect([asterisk.channels(), asterisk.bridges()]).toEqual([[], []]));
  });
});
