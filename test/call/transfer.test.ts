import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type AsteriskSandbox, startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { answeredCall, tellOfTransfers } from './transferring.ts';

const people = loadPeople();
let asterisk: AsteriskSandbox;
beforeAll(async () => {
  asterisk = await startAsteriskSandbox({ people, endpoints: ['PJSIP/office', 'Local/people'] });
});
afterAll(() => asterisk.close());
beforeEach(() => {
  people.log.splice(0);
});

const world = () => ({ ...asterisk, people, endpointOf: (number: string) => `PJSIP/${number}@office` });
const numberOf = (role: string) => people.byRole(role).number;

describe('a transfer', () => {
  tellOfTransfers(world);

  test('a blind one puts them together at once', async () => {
    const call = await answeredCall(world(), { announce: false });
    expect(await call.transfer()).toEqual({ kind: 'connected' });
    await call.end();
  });

  test('the colleague’s phone dies with its owner as the callee’s does', async () => {
    const call = await answeredCall(world(), { announce: false });
    await call.transfer();
    const left = Number(await call.connection.getVariable(call.line.colleague?.channel.id ?? '', 'TIMEOUT(absolute)'));
    expect(left).toBeGreaterThan(15);
    expect(left).toBeLessThanOrEqual(30);
    await call.end();
  });

  test('a trunk that is down is not dialled', async () => {
    const call = await answeredCall(world());
    call.openTrunk();
    const before = asterisk.dials.length;
    expect(await call.transfer()).toEqual({ kind: 'unreached', reason: 'the trunk is down' });
    expect(asterisk.dials).toHaveLength(before);
    await call.end();
  });

  test('a trunk that refuses is told of it, a phone of our own is no trunk', async () => {
    const overTrunk = await answeredCall(world(), { to: { endpoint: `PJSIP/${numberOf('congestion')}@office` } });
    expect(await overTrunk.transfer()).toMatchObject({ kind: 'unreached', reason: expect.stringContaining('SIP 503') });
    expect(overTrunk.trunk).toEqual(['enter office', 'failed']);
    await overTrunk.end();
    const own = await answeredCall(world(), { to: { endpoint: `Local/${numberOf('congestion')}@people` } });
    expect(await own.transfer()).toMatchObject({ kind: 'unreached' });
    expect(own.trunk).toEqual([]);
    await own.end();
  });

  test('an extension that Asterisk does not know is not reached', async () => {
    const call = await answeredCall(world(), { to: { endpoint: 'PJSIP/200' } });
    expect(await call.transfer()).toMatchObject({ kind: 'unreached', reason: expect.stringContaining('check the dial string') });
    await call.end();
  });

  test('our own phones see the callee’s number, a number outside the campaign’s', async () => {
    const own = await answeredCall(world(), { announce: false });
    await own.transfer();
    expect(asterisk.dials.at(-1)).toMatchObject({ number: numberOf('colleague'), callerId: numberOf('wants-a-person') });
    await own.end();
    const outside = await answeredCall(world(), { to: { number: numberOf('colleague') }, announce: false });
    await outside.transfer();
    expect(asterisk.dials.at(-1)).toMatchObject({ number: numberOf('colleague'), callerId: '+12025550199' });
    await outside.end();
  });

  test('a colleague who hangs up before their announcement is over was not reached', async () => {
    const call = await answeredCall(world(), { to: { endpoint: `PJSIP/${numberOf('hangs-up-early')}@office` } });
    const long = 'Somebody is on the line and this sentence takes a good deal longer than the patience of the one who hears it.';
    expect(await call.transfer(long)).toEqual({ kind: 'unreached', reason: 'they hung up before they were connected' });
    expect(call.channel.signal.aborted).toBe(false);
    await call.end();
  });

  test('a colleague’s mailbox is nobody, also where no service can speak the announcement: it is left as soon as it gives itself away, and the callee is taken back', async () => {
    const mailbox = { endpoint: `PJSIP/${numberOf('answering-machine')}@office` };
    const calls = await Promise.all([answeredCall(world(), { to: mailbox }), answeredCall(world(), { to: mailbox })]);
    const [announced, unspeakable] = calls;
    const results = await Promise.all([announced.transfer('Ada is on the line.'), unspeakable.transfer(null)]);
    for (const result of results) expect(result).toEqual({ kind: 'unreached', reason: 'an answering machine answered' });
    for (const call of calls) {
      expect(call.channel.signal.aborted).toBe(false);
      expect(await call.channels()).not.toContain('colleague');
    }
    const tapes = people.log.filter(({ role }) => role === 'answering-machine').map(({ recordedText = '' }) => recordedText);
    expect(tapes).toEqual(['', '']);
    for (const call of calls) await call.end();
  });

  test('a colleague whom no service can tell who calls is put through all the same', async () => {
    const call = await answeredCall(world());
    expect(await call.transfer(null)).toEqual({ kind: 'connected' });
    await call.end();
  });

  test('a callee who hangs up while the colleague is being told: both phones are free', async () => {
    const call = await answeredCall(world(), { to: { endpoint: `PJSIP/${numberOf('says-nothing')}@office` } });
    const transfer = call.transfer('Somebody is on the line who will not be there any more when this sentence has come to its end.');
    await expect.poll(() => asterisk.bridges()).toHaveLength(2);
    await call.channel.hangup();
    expect(await transfer).toMatchObject({ kind: 'unreached' });
    expect(await call.channels()).not.toContain('colleague');
    await call.end();
  });

  test('whoever calls it off stops the ringing', async () => {
    const call = await answeredCall(world(), { to: { endpoint: `PJSIP/${numberOf('no-answer')}@office` } });
    const calledOff = new AbortController();
    const transfer = call.transfer(undefined, calledOff.signal);
    await expect.poll(call.channels).toContain('colleague');
    calledOff.abort();
    expect(await transfer).toMatchObject({ reason: expect.stringContaining('called off') });
    expect(await call.channels()).not.toContain('colleague');
    await call.end();
  });

  test('a worker that must go stops the ringing, and ends who were put through', async () => {
    const ringing = await answeredCall(world(), { to: { endpoint: `PJSIP/${numberOf('no-answer')}@office` } });
    const transfer = ringing.transfer();
    await expect.poll(ringing.channels).toContain('colleague');
    ringing.leave.abort();
    expect(await transfer).toMatchObject({ reason: expect.stringContaining('called off') });
    await ringing.end();

    const talking = await answeredCall(world(), { announce: false });
    await talking.transfer();
    const ended = talking.stayAway();
    talking.leave.abort();
    expect(await ended).toBe('ended, the worker was being stopped');
    await talking.end();
  });

  test('a worker that comes to itself while another one watches over them lets go of both', async () => {
    const call = await answeredCall(world(), { announce: false });
    await call.transfer();
    const ended = call.stayAway();
    call.loseToAnother();
    expect(await ended).toBe('another worker watches over the call');
    expect(await call.channels()).toEqual(expect.arrayContaining(['callee', 'colleague']));
    const talk = await call.adopt();
    expect(talk?.colleague.signal.aborted).toBe(false);
    await talk?.end();
    await call.end();
  });

  test('a worker that stood still until another one had put them together hangs up neither', async () => {
    const call = await answeredCall(world(), { announce: false, standsStill: true });
    expect(await call.transfer()).toEqual({ kind: 'connected' });
    expect(call.line.putThrough).toBe(true);
    expect(await call.together()).toBe(true);
    expect(call.adopted()?.colleague.signal.aborted).toBe(false);
    await call.adopted()?.end();
    await call.end();
  });

  test('whoever takes over finds that one has hung up: the other is free', async () => {
    const call = await answeredCall(world(), { announce: false });
    await call.transfer();
    await call.channel.hangup();
    expect(await call.adopt()).toBeUndefined();
    expect(await call.channels()).not.toContain('colleague');
    await call.end();
  });

  test('they may talk until the limit', async () => {
    const call = await answeredCall(world(), { announce: false, maxTalkMs: 100 });
    await call.transfer();
    expect(await call.stayAway()).toBe('ended at the limit of 0 s');
    await call.end();
  });

  test('a callee who hangs up ends it for the colleague', async () => {
    const call = await answeredCall(world(), { announce: false });
    await call.transfer();
    const ended = call.stayAway();
    await call.channel.hangup();
    expect(await ended).toBe('the callee hung up');
    await call.end();
  });

  test('an Asterisk that restarts ends it, and nobody waits for ever', async () => {
    const call = await answeredCall(world(), { announce: false });
    await call.transfer();
    const ended = call.stayAway();
    await asterisk.restart();
    expect(await ended).toMatch(/hung up$/);
    await call.end();
  });
});
