import { describe, expect, it } from 'vitest';
import { loadPeople } from '../../../src/sandbox/people/people.ts';
import { createListener, speak } from '../../../src/sandbox/voice/voice.ts';
import { connect, openMediaSocket, refusedWith, start, until } from './ari.ts';

async function talk(role: string, format = 'slin16') {
  const people = loadPeople();
  const { asterisk } = await start({ people });
  const ari = await connect(asterisk);
  await ari.call('callee', `PJSIP/${people.byRole(role).number}@trunk`);
  await until(() => ari.events.find((event) => event.dialstatus === 'ANSWER'));
  const leg = await ari.openMedia('callee', format);
  const say = (text: string, rate: number, id = 'u') => {
    leg.command('START_MEDIA_BUFFERING');
    const pcm = speak(text, rate);
    // Pieces as text-to-speech delivers them: of no particular size.
    for (let at = 0; at < pcm.length; at += 4_801) leg.socket.send(pcm.subarray(at, at + 4_801));
    leg.command('STOP_MEDIA_BUFFERING', { correlation_id: id });
  };
  const hangUp = async () => {
    await ari.rest('DELETE', '/channels/callee');
    return until(() => people.log[0]);
  };
  return { asterisk, ari, leg, say, hangUp, people };
}

describe('sound through the sandbox Asterisk', () => {
  it.each([
    ['slin', 8_000],
    ['slin16', 16_000],
    ['slin24', 24_000],
  ])('the callee hears our very words and we hear theirs, at %s', async (format, rate) => {
    const { leg, say, hangUp } = await talk('wants-to-be-left-alone', format);
    expect(await leg.text('MEDIA_START')).toMatchObject({ format, optimal_frame_size: (rate / 50) * 2, ptime: 20 });
    say('Good morning.', rate);
    const listener = createListener(rate);
    const words: string[] = [];
    let read = 0;
    await until(() => {
      while (read < leg.frames.length) {
        const frame = leg.frames[read++] ?? Buffer.alloc(0);
        expect(frame.length).toBe((rate / 50) * 2);
        for (const word of listener.push(frame)) words.push(word.text);
      }
      return words.join(' ') === 'Please stop calling me.';
    });
    expect((await hangUp()).heardText).toBe('Good morning.');
  });

  it('says when an utterance, a mark and the whole queue have been heard, in real time', async () => {
    const { leg, say } = await talk('says-nothing');
    leg.command('MARK_MEDIA', { correlation_id: 'first' });
    const begun = performance.now();
    say('One two three.', 16_000, 'words');
    leg.command('MARK_MEDIA', { correlation_id: 'last' });
    leg.command('REPORT_QUEUE_DRAINED');
    await leg.text('QUEUE_DRAINED');
    const lastsMs = speak('One two three.', 16_000).length / 32;
    expect(performance.now() - begun).toBeGreaterThan(lastsMs * 0.8);
    const told = leg.texts
      .filter(({ event }) => event !== 'MEDIA_START')
      .map(({ event, correlation_id: id }) => `${event} ${id ?? ''}`.trim());
    expect(told).toEqual(['MEDIA_MARK_PROCESSED first', 'MEDIA_BUFFERING_COMPLETED words', 'MEDIA_MARK_PROCESSED last', 'QUEUE_DRAINED']);
  });

  it('a flush cuts our words off and forgets the marks behind them', async () => {
    const { leg, say, hangUp } = await talk('says-nothing');
    say('Alpha bravo', 16_000, 'heard');
    leg.command('MARK_MEDIA', { correlation_id: 'heard' });
    say('charlie delta echo foxtrot.', 16_000, 'flushed');
    await leg.text('MEDIA_MARK_PROCESSED');
    leg.command('FLUSH_MEDIA');
    leg.command('GET_STATUS');
    expect(await leg.text('STATUS')).toMatchObject({ queue_length: 0, bulk_media: false });
    leg.command('MARK_MEDIA', { correlation_id: 'after' });
    await until(() => leg.texts.find((text) => text.correlation_id === 'after'));
    expect(leg.texts.some((text) => text.correlation_id === 'flushed')).toBe(false);
    expect((await hangUp()).heardText).toBe('Alpha bravo');
  });

  it('loses the remainder of a message that is no whole number of frames, unless buffering', async () => {
    const { leg } = await talk('says-nothing');
    leg.command('PAUSE_MEDIA');
    for (let i = 0; i < 4; i++) leg.socket.send(Buffer.alloc(1_000));
    leg.command('START_MEDIA_BUFFERING');
    for (let i = 0; i < 4; i++) leg.socket.send(Buffer.alloc(1_000));
    leg.command('STOP_MEDIA_BUFFERING', { correlation_id: 'x' });
    leg.command('GET_STATUS');
    // 4 × 1 frame, then 4,000 bytes of 640: seven, the last one filled up.
    expect(await leg.text('STATUS')).toMatchObject({ queue_length: 11, media_paused: true });
  });

  it('asks for a pause at 900 frames and silently throws away what comes after 1,000', async () => {
    const { leg } = await talk('says-nothing');
    leg.command('PAUSE_MEDIA');
    for (let i = 0; i < 30; i++) leg.socket.send(Buffer.alloc(50 * 640));
    leg.command('GET_STATUS');
    expect(await leg.text('STATUS')).toMatchObject({ queue_length: 1_000, queue_full: true });
    await leg.text('MEDIA_XOFF');
    leg.command('FLUSH_MEDIA');
    await leg.text('MEDIA_XON');
  });

  it('answers junk with an error, ignores what is too long or unknown, and goes on', async () => {
    const { leg } = await talk('says-nothing');
    leg.socket.send('junk');
    expect(await leg.text('ERROR')).toMatchObject({ error_text: expect.stringContaining('JSON') });
    leg.command('constructor');
    leg.command('MARK_MEDIA', { correlation_id: 'x'.repeat(200) });
    leg.command('MARK_MEDIA', { correlation_id: 'short' });
    expect(await leg.text('MEDIA_MARK_PROCESSED')).toMatchObject({ correlation_id: 'short' });
  });

  it('a message of 65,534 bytes ends the leg, and the callee stays', async () => {
    const { ari, leg } = await talk('says-nothing');
    leg.socket.send(Buffer.alloc(65_533));
    leg.command('GET_STATUS');
    await leg.text('STATUS');
    leg.socket.send(Buffer.alloc(65_534));
    expect(await leg.closed).toBe(1009);
    expect(await ari.event('ChannelDestroyed', leg.id)).toMatchObject({ tech_cause: 1001 });
    expect((await ari.rest('GET', '/channels/callee')).status).toBe(200);
  });

  it('leg, bridge and callee outlive one another', async () => {
    const { ari, leg, hangUp, asterisk } = await talk('says-nothing');
    await hangUp();
    expect(await ari.event('ChannelLeftBridge', 'callee')).toMatchObject({ bridge: { channels: [leg.id] } });
    expect((await ari.rest('GET', `/channels/${leg.id}`)).status).toBe(200);
    leg.command('HANGUP');
    expect(await leg.closed).toBe(1000);
    expect(await ari.event('ChannelDestroyed', leg.id)).toMatchObject({ cause: 16 });
    expect(asterisk.bridges()).toMatchObject([{ id: leg.bridge, channels: [] }]);
    expect((await ari.rest('DELETE', `/bridges/${leg.bridge}`)).status).toBe(204);
    expect((await ari.rest('DELETE', `/bridges/${leg.bridge}`)).status).toBe(404);
  });

  it('a leg enters Stasis, and so a bridge, only when its socket is connected', async () => {
    const { asterisk } = await start();
    const ari = await connect(asterisk);
    const { body } = await ari.rest('POST', '/channels/externalMedia', {
      app: ari.app,
      external_host: 'INCOMING',
      transport: 'websocket',
      format: 'slin',
      channelId: 'leg',
    });
    await ari.rest('POST', '/bridges/b', { type: 'mixing' });
    expect((await ari.rest('POST', '/bridges/b/addChannel', { channel: 'leg' })).status).toBe(422);
    const id = body.channelvars.MEDIA_WEBSOCKET_CONNECTION_ID;
    await openMediaSocket(asterisk, id);
    await ari.event('StasisStart', 'leg');
    expect((await ari.rest('POST', '/bridges/b/addChannel', { channel: 'leg' })).status).toBe(204);
    expect((await ari.rest('POST', '/bridges/b/addChannel', { channel: 'nobody' })).status).toBe(400);
    expect((await ari.rest('POST', '/bridges/none/addChannel', { channel: 'leg' })).status).toBe(404);
    expect(await refusedWith(`${asterisk.url.replace('http', 'ws')}/media/${id}`, 'media')).toBe(409);
  });

  it('the id of a living channel for a media leg kills Asterisk', async () => {
    const { ari } = await talk('says-nothing');
    const query = { app: ari.app, external_host: 'INCOMING', transport: 'websocket', format: 'slin', channelId: 'callee' };
    await ari.rest('POST', '/channels/externalMedia', query).catch(() => {});
    await ari.closed;
  });

  it('a cut media socket ends the leg', async () => {
    const { ari, leg, asterisk } = await talk('says-nothing');
    asterisk.dropMedia(leg.id);
    expect(await leg.closed).toBe(1006);
    expect(await ari.event('ChannelHangupRequest', leg.id)).toMatchObject({ cause: 38, tech_cause: 1001 });
  });
});
