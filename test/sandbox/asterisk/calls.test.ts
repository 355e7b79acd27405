import { describe, expect, it } from 'vitest';
import { loadPeople } from '../../../src/sandbox/people/people.ts';
import { connect, refusedWith, start, until } from './ari.ts';

const people = loadPeople();
const numberOf = (role: string) => people.byRole(role).number;

describe('a call through the sandbox Asterisk', () => {
  it('create makes a channel and rings nobody; dial sends the one INVITE', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const created = await ari.create('one', `PJSIP/${numberOf('says-nothing')}@trunk`, { 'CALLERID(num)': '+12025550199' });
    expect(created).toMatchObject({ status: 200, body: { id: 'one', state: 'Down', caller: { number: '+12025550199' } } });
    expect(asterisk.dials).toEqual([]);

    expect((await ari.rest('POST', '/channels/one/dial', { timeout: '5' })).status).toBe(204);
    await until(() => ari.events.find((event) => event.dialstatus === 'ANSWER'));
    expect(asterisk.dials).toEqual([
      { at: expect.any(Number), number: numberOf('says-nothing'), channelId: 'one', callerId: '+12025550199' },
    ]);
    expect(ari.typesOf('one').filter((type) => type !== 'ChannelVarset')).toEqual([
      'ChannelCallerId',
      'StasisStart',
      'Dial',
      'ChannelStateChange',
      'Dial',
      'ChannelStateChange',
      'Dial',
    ]);
  });

  it.each([
    ['busy', 17, 486],
    ['rejects', 21, 603],
    ['invalid-number', 1, 404],
    ['congestion', 34, 503],
    ['no-answer', 19, 480],
  ])('says why nobody came to the phone: %s', async (role, cause, techCause) => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    await Promise.all([
      ari.call('sip', `PJSIP/${numberOf(role)}@trunk`, role === 'no-answer' ? 1 : 5),
      ari.call('local', `Local/${numberOf(role)}@people`, role === 'no-answer' ? 1 : 5),
    ]);
    expect(await ari.event('ChannelDestroyed', 'sip')).toMatchObject({ cause, tech_cause: techCause });
    const local = await ari.event('ChannelDestroyed', 'local');
    expect(local).toMatchObject({ cause });
    expect(local).not.toHaveProperty('tech_cause');
    expect(asterisk.channels()).toEqual([]);
  });

  it('a number that nobody has is an invalid one', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    await ari.call('x', 'PJSIP/+12025550199@trunk');
    expect(await ari.event('ChannelDestroyed', 'x')).toMatchObject({ cause: 1, tech_cause: 404 });
  });

  it('when the callee hangs up the channel ends with cause 16 and is gone', async () => {
    const { asterisk, people: here } = await start();
    const ari = await connect(asterisk);
    await ari.call('x', `PJSIP/${numberOf('hangs-up-early')}@trunk`);
    const end = await ari.event('ChannelDestroyed', 'x');
    expect(end).toMatchObject({ cause: 16, cause_txt: 'Normal Clearing' });
    expect(ari.typesOf('x').slice(-3)).toEqual(['ChannelHangupRequest', 'StasisEnd', 'ChannelDestroyed']);
    expect((await ari.rest('GET', '/channels/x')).status).toBe(404);
    expect(here.log).toMatchObject([{ role: 'hangs-up-early', endedBy: 'person' }]);
  });

  it('we hang up, with a reason or a code', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    for (const id of ['a', 'b', 'c']) await ari.call(id, `PJSIP/${numberOf('no-answer')}@trunk`);
    expect((await ari.rest('DELETE', '/channels/a')).status).toBe(204);
    expect((await ari.rest('DELETE', '/channels/b', { reason: 'busy' })).status).toBe(204);
    expect((await ari.rest('DELETE', '/channels/c', { reason: 'nonsense' })).status).toBe(400);
    expect((await ari.rest('DELETE', '/channels/c', { reason_code: '26' })).status).toBe(204);
    expect((await ari.rest('DELETE', '/channels/c')).status).toBe(404);
    expect(await ari.event('ChannelDestroyed', 'a')).toMatchObject({ cause: 16 });
    expect(await ari.event('ChannelDestroyed', 'b')).toMatchObject({ cause: 17, tech_cause: 486 });
    expect(await ari.event('ChannelDestroyed', 'c')).toMatchObject({ cause: 26, cause_txt: 'Answered elsewhere' });
  });

  it('refuses to dial before StasisStart, and a channel that is gone', async () => {
    const { asterisk } = await start({ stasisDelayMs: 200 });
    const ari = await connect(asterisk);
    const endpoint = `PJSIP/${numberOf('no-answer')}@trunk`;
    await ari.rest('POST', '/channels/create', { endpoint, app: ari.app, channelId: 'early' });
    expect(await ari.rest('POST', '/channels/early/dial')).toEqual({ status: 409, body: { message: 'Channel not in Stasis application' } });
    await ari.rest('DELETE', '/channels/early');
    expect((await ari.rest('POST', '/channels/early/dial')).status).toBe(404);
    expect(asterisk.dials).toEqual([]);
  });

  it('a second dial before the phone rings ends the call; one after it is refused', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const endpoint = `PJSIP/${numberOf('no-answer')}@trunk`;
    await ari.create('x', endpoint);
    const [first, second] = await Promise.all([ari.rest('POST', '/channels/x/dial'), ari.rest('POST', '/channels/x/dial')]);
    expect([first.status, second.status]).toEqual([204, 204]);
    await ari.event('ChannelDestroyed', 'x');

    await ari.call('y', endpoint);
    await ari.event('ChannelStateChange', 'y');
    expect((await ari.rest('POST', '/channels/y/dial')).status).toBe(409);
    expect(asterisk.dials.map((dial) => dial.channelId)).toEqual(['x', 'y']);
  });

  it('refuses a living id, an unknown trunk, and what is missing', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const endpoint = `PJSIP/${numberOf('busy')}@trunk`;
    await ari.create('x', endpoint);
    const create = (query: Record<string, string>) => ari.rest('POST', '/channels/create', { app: ari.app, ...query });
    expect((await create({ endpoint, channelId: 'x' })).status).toBe(409);
    expect(await create({ endpoint: 'PJSIP/1@nowhere' })).toEqual({ status: 500, body: { error: 'Allocation failed' } });
    expect((await create({ endpoint: 'SIP/1@trunk' })).status).toBe(500);
    expect((await create({})).status).toBe(400);
    await ari.rest('DELETE', '/channels/x');
    expect((await create({ endpoint, channelId: 'x' })).status).toBe(200);
  });

  it('a channel for an application that nobody is connected to is gone at once and never rings', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const endpoint = `PJSIP/${numberOf('no-answer')}@trunk`;
    expect((await ari.rest('POST', '/channels/create', { endpoint, app: 'nobody', channelId: 'x' })).status).toBe(200);
    await until(() => asterisk.channels().length === 0);
    expect((await ari.rest('POST', '/channels/x/dial')).status).toBe(404);
    expect(asterisk.dials).toEqual([]);
  });

  it('the absolute timeout hangs up, and renewing it puts that off', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const endpoint = `PJSIP/${numberOf('no-answer')}@trunk`;
    await ari.create('short', endpoint, { 'TIMEOUT(absolute)': '0.2' });
    await ari.create('renewed', endpoint, { 'TIMEOUT(absolute)': '0.4' });
    expect((await ari.rest('POST', '/channels/renewed/variable', { variable: 'TIMEOUT(absolute)', value: '30' })).status).toBe(204);
    expect(await ari.event('ChannelDestroyed', 'short')).toMatchObject({ cause: 16 });
    const { body } = await ari.rest('GET', '/channels/renewed/variable', { variable: 'TIMEOUT(absolute)' });
    expect(Number(body.value)).toBeGreaterThan(20);
  });

  it('keeps variables, and says 404 for those it has not', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    await ari.create('x', `PJSIP/${numberOf('busy')}@trunk`, { CAMPAIGN: 'spring' });
    const get = (variable: string) => ari.rest('GET', '/channels/x/variable', { variable });
    expect(await get('CAMPAIGN')).toEqual({ status: 200, body: { value: 'spring' } });
    expect((await get('NONE')).status).toBe(404);
    expect(ari.find('ChannelVarset', 'x')).toMatchObject({ variable: 'CAMPAIGN', value: 'spring' });
  });

  it('a callee who presses a key is heard', async () => {
    const { asterisk } = await start({ people: loadPeople() });
    const ari = await connect(asterisk);
    await ari.call('x', `PJSIP/${numberOf('presses-a-digit')}@trunk`);
    await until(() => ari.events.find((event) => event.dialstatus === 'ANSWER'));
    const leg = await ari.openMedia('x');
    const { speak } = await import('../../../src/sandbox/voice/voice.ts');
    leg.command('START_MEDIA_BUFFERING');
    leg.socket.send(speak('Press', 16_000));
    leg.command('STOP_MEDIA_BUFFERING', { correlation_id: 'u' });
    expect(await ari.event('ChannelDtmfReceived', 'x')).toMatchObject({ digit: '9' });
    expect(await leg.text('DTMF_END')).toMatchObject({ digit: '9' });
  });

  it('plays sounds it has, and fails those it has not', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    await ari.call('x', `PJSIP/${numberOf('says-nothing')}@trunk`);
    await until(() => ari.events.find((event) => event.dialstatus === 'ANSWER'));
    const finished = (id: string) =>
      until(() => ari.events.find((event) => event.type === 'PlaybackFinished' && (event.playback as { id: string }).id === id));
    const beep = await ari.rest('POST', '/channels/x/play', { media: 'sound:beep' });
    expect(beep).toMatchObject({ status: 201, body: { state: 'queued', target_uri: 'channel:x' } });
    expect(await finished(beep.body.id)).toMatchObject({ playback: { state: 'done' } });
    const none = await ari.rest('POST', '/channels/x/play', { media: 'sound:none' });
    expect(await finished(none.body.id)).toMatchObject({ playback: { state: 'failed' } });
  });
});

describe('the doors of the sandbox Asterisk', () => {
  it('refuses a wrong password, on requests and on sockets', async () => {
    const { asterisk } = await start({ password: 'right' });
    const ping = `${asterisk.url}/ari/asterisk/ping`;
    expect((await fetch(ping)).status).toBe(401);
    expect((await fetch(`${ping}?api_key=${asterisk.username}:wrong`)).status).toBe(401);
    expect((await fetch(`${ping}?api_key=${asterisk.username}:right`)).status).toBe(200);
    const events = `${asterisk.url.replace('http', 'ws')}/ari/events`;
    expect(await refusedWith(`${events}?app=a&api_key=${asterisk.username}:wrong`)).toBe(401);
    expect(await refusedWith(`${events}?api_key=${asterisk.username}:right`)).toBe(400);
    expect(await refusedWith(`${asterisk.url.replace('http', 'ws')}/media/none`, 'media')).toBe(404);
  });

  it('survives requests that make no sense', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    expect((await ari.rest('GET', '/nonsense')).status).toBe(404);
    expect((await ari.rest('PATCH', '/channels')).status).toBe(404);
    const url = `${asterisk.url}/ari/channels/create?api_key=${asterisk.username}:${asterisk.password}`;
    expect((await fetch(url, { method: 'POST', body: '{"variables":' })).status).toBe(400);
    expect((await fetch(`${asterisk.url}/ari/channels/%E0%A4%A?api_key=${asterisk.username}:${asterisk.password}`)).status).toBe(400);
    expect((await ari.rest('GET', '/asterisk/info')).body.system.version).toMatch(/^22\./);
  });

  it('sends only the events that the filter lets through', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const filter = { disallowed: [{ type: 'ChannelVarset' }] };
    expect(await ari.rest('PUT', `/applications/${ari.app}/eventFilter`, {}, filter)).toMatchObject({
      status: 200,
      body: { events_disallowed: [{ type: 'ChannelVarset' }] },
    });
    await ari.create('x', `PJSIP/${numberOf('busy')}@trunk`, { A: 'b' });
    expect(ari.find('ChannelVarset')).toBeUndefined();
    expect((await ari.rest('GET', `/applications/${ari.app}`)).body.channel_ids).toEqual(['x']);
  });

  it('a second socket for an application silences the first', async () => {
    const { asterisk } = await start();
    const first = await connect(asterisk);
    const second = await connect(asterisk);
    await first.event('ApplicationReplaced');
    await second.create('x', `PJSIP/${numberOf('busy')}@trunk`);
    expect(first.find('StasisStart')).toBeUndefined();
    expect(first.socket.readyState).toBe(first.socket.OPEN);
  });

  it('a call lives on while the event socket is gone, and what happened meanwhile is not told', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    await ari.call('x', `PJSIP/${numberOf('says-nothing')}@trunk`);
    asterisk.dropEvents();
    expect(await ari.closed).toBe(1006);
    await until(() => asterisk.channels()[0]?.state === 'Up');
    const again = await connect(asterisk);
    expect((await again.rest('GET', '/channels/x')).body.state).toBe('Up');
    expect(again.events).toEqual([]);
    await again.rest('DELETE', '/channels/x');
    await again.event('ChannelDestroyed', 'x');
  });

  it('a half-open event socket looks alive and answers no ping', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    let pongs = 0;
    ari.socket.on('pong', () => pongs++);
    ari.socket.ping();
    await until(() => pongs === 1);
    asterisk.halfOpenEvents();
    ari.socket.ping();
    const other = await connect(asterisk, 'other');
    await other.create('x', `PJSIP/${numberOf('busy')}@trunk`);
    expect(pongs).toBe(1);
    expect(ari.socket.readyState).toBe(ari.socket.OPEN);
  });

  it('a restart takes everything with it and comes back on the same port', async () => {
    const { asterisk, people: here } = await start({ people: loadPeople() });
    const ari = await connect(asterisk);
    await ari.call('x', `PJSIP/${numberOf('says-nothing')}@trunk`);
    await until(() => asterisk.channels()[0]?.state === 'Up');
    const restarted = asterisk.restart({ downMs: 50 });
    await ari.closed;
    await restarted;
    const again = await connect(asterisk);
    expect((await again.rest('GET', '/channels')).body).toEqual([]);
    expect(ari.find('ChannelDestroyed')).toBeUndefined();
    expect(here.log).toHaveLength(1);
  });

  it('can be made ill over its faults', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    asterisk.faults.set({ kind: 'status', status: 503, body: { message: 'Asterisk not booted' } }, { path: /ping/, times: 1 });
    expect((await ari.rest('GET', '/asterisk/ping')).status).toBe(503);
    expect((await ari.rest('GET', '/asterisk/ping')).status).toBe(200);
    asterisk.faults.set({ kind: 'apply-then-status', status: 500 }, { path: /dial/, times: 1 });
    expect((await ari.call('x', `PJSIP/${numberOf('busy')}@trunk`)).status).toBe(500);
    expect(asterisk.dials).toHaveLength(1);
  });
});
