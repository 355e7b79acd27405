import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { type AudioSocketServerOptions, startAudioSocketServer } from '../../src/media/audiosocket-server.ts';
import { counted } from './far-ends.ts';
import { connectPeer, createManualPacer, type Message, message, type Peer } from './scripted-audiosocket.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5_000, interval: 5 });
const isSilence = ({ kind, payload }: Message) => kind === 0x10 && payload.length === 320 && payload.every((byte) => byte === 0);

async function start(options: Partial<AudioSocketServerOptions> = {}) {
  const pacer = createManualPacer();
  const logger = { warn: vi.fn(), error: vi.fn() };
  const server = await startAudioSocketServer({ host: '127.0.0.1', port: 0, sampleRate: 8_000, logger, pacer, ...options });
  opened.push(server);
  const peer = async (): Promise<Peer> => {
    const made = await connectPeer(server.port);
    opened.push(made);
    return made;
  };
  const leg = async () => {
    const id = randomUUID();
    const coming = server.expectLeg({ id, channelId: 'em', connectTimeoutMs: 5_000 });
    const asterisk = await peer();
    asterisk.sayId(id);
    return { leg: await coming, asterisk, id };
  };
  return { server, pacer, logger, peer, leg };
}

describe('silence', () => {
  test('a connection hears silence at once and for ever, also before it has said who it is', async () => {
    const { peer, pacer } = await start();
    const asterisk = await peer();
    await until(() => asterisk.received.length === 1);
    pacer.tick(100);
    await until(() => asterisk.received.length === 101);
    expect(asterisk.received.every(isSilence)).toBe(true);
  });

  test('between two utterances there is silence, frame by frame', async () => {
    const { leg: open, pacer } = await start();
    const { leg, asterisk } = await open();
    const first = leg.speak();
    void first.write(counted(40));
    first.end();
    pacer.tick(5);
    void leg.speak().write(counted(20));
    pacer.tick(2);
    await until(() => asterisk.received.length === 8);
    expect(asterisk.received.map((frame) => (isSilence(frame) ? '-' : 'x')).join('')).toBe('-xx---x-');
  });

  test('a flush is silence from the very next frame on, and what was heard is known to the frame', async () => {
    const { leg: open, pacer } = await start();
    const { leg, asterisk } = await open();
    const utterance = leg.speak();
    void utterance.write(counted(1_000));
    pacer.tick(7);
    expect(utterance.heardMs).toBe(140);
    leg.flush();
    pacer.tick(3);
    expect(await utterance.played).toEqual({ heardMs: 140, complete: false });
    await until(() => asterisk.received.length === 11);
    expect(asterisk.heard().equals(counted(140))).toBe(true);
  });

  test.each([
    [8_000, 0x10, 320],
    [16_000, 0x12, 640],
    [24_000, 0x13, 960],
  ])('at %i Hz frames are of kind %i and %i bytes', async (sampleRate, kind, bytes) => {
    const { leg: open, pacer } = await start({ sampleRate });
    const { leg, asterisk } = await open();
    void leg.speak().write(Buffer.alloc(bytes, 1));
    pacer.tick(1);
    await until(() => asterisk.received.length === 2);
    expect(asterisk.received.map(({ kind: got, payload }) => [got, payload.length])).toEqual([
      [kind, bytes],
      [kind, bytes],
    ]);
  });
});

describe('who may connect', () => {
  test('a UUID that nobody waits for is refused, as is one whose leg lives, which never notices', async () => {
    const { leg: open, peer, pacer, logger, server } = await start();
    const { leg, asterisk, id } = await open();
    for (const wrong of [randomUUID(), id]) {
      const stranger = await peer();
      stranger.sayId(wrong);
      await stranger.closed;
    }
    expect(logger.warn).toHaveBeenCalledTimes(2);
    // A UUID is a credential.
    expect(JSON.stringify(logger.warn.mock.calls)).not.toContain(id);
    void leg.speak().write(counted(20));
    pacer.tick(2);
    await until(() => asterisk.heard().length === 320);
    expect(server.legs).toBe(1);
  });

  test('audio in the packet of the UUID is not lost', async () => {
    const { server, peer } = await start();
    const id = randomUUID();
    const frames: Buffer[] = [];
    const coming = server
      .expectLeg({ id, channelId: 'em', connectTimeoutMs: 5_000 })
      .then((leg) => leg.onFrame((frame) => frames.push(frame)));
    const asterisk = await peer();
    const idMessage = message(0x01, Buffer.from(id.replaceAll('-', ''), 'hex'));
    asterisk.socket.write(Buffer.concat([idMessage, message(0x10, counted(20))]));
    await coming;
    await until(() => frames.length === 1);
  });

  test('who speaks before saying a UUID, or says half of one, or nothing, is refused in time', async () => {
    const { peer, logger } = await start({ handshakeTimeoutMs: 50 });
    const [loud, half, mute] = await Promise.all([peer(), peer(), peer()]);
    loud.send(0x10, counted(20));
    half.send(0x01, Buffer.alloc(8));
    await Promise.all([loud.closed, half.closed, mute.closed]);
    expect(logger.warn).toHaveBeenCalledTimes(3);
  });

  test('a crowd of strangers keeps nobody out for longer than the handshake may take, and costs no call', async () => {
    const { peer, leg: open, server, logger } = await start({ handshakeTimeoutMs: 1_000 });
    const crowd = await Promise.all(Array.from({ length: 110 }, peer));
    await Promise.all(crowd.map(({ closed }) => closed));
    // The last ones were not even listened to.
    expect(logger.warn).toHaveBeenCalledTimes(100);
    await open();
    expect(server.legs).toBe(1);
  });

  test('nobody connects: the wait ends with a reason; so it does when the call ends or the worker stops', async () => {
    const { server } = await start();
    const wanted = (options: object) => server.expectLeg({ id: randomUUID(), channelId: 'em', connectTimeoutMs: 5_000, ...options });
    await expect(wanted({ connectTimeoutMs: 20 })).rejects.toMatchObject({ code: 'media-timeout', category: 'transient' });
    const call = new AbortController();
    const calledOff = wanted({ signal: call.signal });
    call.abort(new Error('callee hung up'));
    await expect(calledOff).rejects.toThrow('callee hung up');
    const stopped = expect(wanted({})).rejects.toMatchObject({ code: 'media-closed' });
    await server.close();
    await stopped;
    await expect(wanted({})).rejects.toMatchObject({ code: 'media-closed' });
  });

  test('a port that is taken is told with what to do about it', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const error = await start({ port }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}.*AUDIOSOCKET_PORT`));
    taken.close();
  });
});

describe('a far end that fails', () => {
  test('takes no audio: nothing piles up, what waits does not count as heard, and after 5 s of it the leg is dead', async () => {
    const { leg: open, pacer } = await start({ sampleRate: 24_000 });
    const { leg, asterisk } = await open();
    asterisk.socket.pause();
    const utterance = leg.speak();
    void utterance.write(Buffer.alloc(24_000 * 2 * 1_200, 1));
    let frames = 0;
    let over: { error?: Error } | undefined;
    void leg.closed.then((result) => {
      over = result;
    });
    // The kernel takes a few megabytes first.
    const heldBefore = process.memoryUsage().arrayBuffers;
    for (; !over && frames < 60_000; frames += 25) {
      pacer.tick(25);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(over).toMatchObject({ error: { code: 'media-stalled', category: 'transient' } });
    // 250 frames were not sent.
    expect(frames * 20 - utterance.heardMs).toBeGreaterThanOrEqual(5_000);
    expect(process.memoryUsage().arrayBuffers - heldBefore).toBeLessThan(8_000_000);
  });

  test('falls silent after it has been heard: dead after 30 s; before anybody answered it may be silent for ever', async () => {
    const { leg: open, pacer, server } = await start();
    const [talking, waiting] = [await open(), await open()];
    const heard = new Promise<void>((resolve) => talking.leg.onFrame(() => resolve()));
    talking.asterisk.send(0x10, counted(20));
    await heard;
    pacer.tick(400);
    expect(server.stale).toBe(false);
    pacer.tick(1_000);
    expect(server.stale).toBe(true);
    expect(pacer.listening).toBe(2);
    pacer.tick(200);
    expect(await talking.leg.closed).toMatchObject({ error: { code: 'media-silent' } });
    pacer.tick(4_000);
    void waiting.leg.speak().write(counted(20));
    pacer.tick(1);
    await until(() => waiting.asterisk.heard().length === 320);
  });

  test('sends audio of another sample rate: the error says what to set', async () => {
    const { leg: open } = await start({ sampleRate: 16_000 });
    const { leg, asterisk } = await open();
    asterisk.send(0x10, counted(20));
    const { error } = await leg.closed;
    expect(error).toMatchObject({ code: 'media-format', category: 'permanent' });
    expect(error?.message).toContain('MEDIA_SAMPLE_RATE=8000');
  });

  test('breaks off in the middle of a frame, reports an error, or resets the connection: its leg ends, the others live', async () => {
    const { leg: open, server } = await start();
    const [cut, ill, reset, well] = [await open(), await open(), await open(), await open()];
    cut.asterisk.socket.end(Buffer.from([0x10, 0x01]));
    ill.asterisk.send(0xff, Buffer.from([4]));
    reset.asterisk.socket.resetAndDestroy();
    expect(await cut.leg.closed).toMatchObject({ error: { code: 'media-closed' } });
    expect(await ill.leg.closed).toMatchObject({ error: { code: 'media-lost' } });
    expect(await reset.leg.closed).toMatchObject({ error: { code: 'media-closed', category: 'transient' } });
    expect(server.legs).toBe(1);
    await well.leg.close();
    expect(await well.leg.closed).toEqual({});
  });

  test('when we close, Asterisk is told, and nothing is left running', async () => {
    const { leg: open, server, pacer } = await start();
    const { leg, asterisk } = await open();
    await leg.close();
    await asterisk.closed;
    expect(asterisk.received.at(-1)).toMatchObject({ kind: 0x00 });
    expect(server.legs).toBe(0);
    expect(pacer.listening).toBe(0);
  });
});
