import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type PeopleApp, startPeopleApp } from '../../src/sandbox/people/people-app.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { createCaller } from './caller.ts';
import { dataDir } from './prepared.ts';

describe('people behind a real Asterisk', () => {
  const people = loadPeople();
  let asterisk: RealAsterisk;
  let app: PeopleApp;
  let caller: Awaited<ReturnType<typeof createCaller>>;

  beforeAll(async () => {
    asterisk = await startRealAsterisk({ dataDir });
    app = await startPeopleApp(asterisk, people);
    caller = await createCaller(asterisk);
  });
  afterAll(async () => {
    caller?.close();
    await app?.stop();
    await asterisk?.stop();
  });

  const dialString = (way: 'people' | 'localPeople', role: string) =>
    asterisk.dialStrings[way].replace('{e164}', people.byRole(role).number);

  test.each(['people', 'localPeople'] as const)('a person who answers hears and says every word (%s)', async (way) => {
    const call = await caller.dial(dialString(way, 'answers-and-confirms'));
    const line = await caller.talkOn(call.id);
    await call.answered;
    await expect.poll(() => line.heardText, { timeout: 10_000 }).toBe('Hello?');
    line.say('This is a reminder of your appointment on Friday. Please confirm that it suits you.');
    await expect.poll(() => line.heardText, { timeout: 15_000 }).toBe('Hello? Yes, that works for me.');
    await call.hangUp();
    await call.destroyed;
    await line.end();
    await expect.poll(() => people.log.length, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(people.log.pop()).toMatchObject({
      role: 'answers-and-confirms',
      endedBy: 'caller',
      heardText: 'This is a reminder of your appointment on Friday. Please confirm that it suits you.',
      said: ['Hello?', 'Yes, that works for me.'],
    });
    expect(app.troubles).toEqual([]);
  });

  test.each([
    ['busy', 17, 486],
    ['rejects', 21, 403],
    ['invalid-number', 1, 404],
    ['congestion', 34, 503],
  ])('who is or does "%s" ends the call with cause %i, and SIP status %i on the wire', async (role, cause, sipStatus) => {
    const overSip = await caller.dial(dialString('people', role));
    expect(await overSip.destroyed).toMatchObject({ cause, tech_cause: sipStatus });
    const local = await caller.dial(dialString('localPeople', role));
    expect(await local.destroyed).toMatchObject({ cause });
  });

  test('nobody picks up: the phone rings until the caller gives up', async () => {
    const call = await caller.dial(dialString('people', 'no-answer'), 2);
    expect(await call.destroyed).toMatchObject({ cause: 19 });
  });

  test('a number that nobody has does not exist', async () => {
    const call = await caller.dial('PJSIP/+12025550199@people');
    expect(await call.destroyed).toMatchObject({ cause: 1, tech_cause: 404 });
  });

  test('a person hangs up on us', async () => {
    const call = await caller.dial(dialString('people', 'hangs-up-early'));
    await call.answered;
    await call.destroyed;
    await expect.poll(() => people.log.at(-1), { timeout: 5_000 }).toMatchObject({ role: 'hangs-up-early', endedBy: 'person' });
  });

  test('a key that a person presses arrives', async () => {
    const call = await caller.dial(dialString('people', 'presses-a-digit'));
    const line = await caller.talkOn(call.id);
    await call.answered;
    line.say('Press nine to be left alone.');
    expect(await call.digit()).toBe('9');
    await call.hangUp();
    await line.end();
  });

  test('nothing of a call is left over in Asterisk', async () => {
    const count = async (kind: string) => {
      const headers = { authorization: `Basic ${btoa(`${asterisk.username}:${asterisk.password}`)}` };
      return ((await (await fetch(`${asterisk.ariUrl}/ari/${kind}`, { headers })).json()) as unknown[]).length;
    };
    await expect.poll(async () => (await count('channels')) + (await count('bridges')), { timeout: 10_000 }).toBe(0);
    expect(app.troubles).toEqual([]);
  });
});
