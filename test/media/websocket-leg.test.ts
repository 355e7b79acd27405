import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { MediaLeg } from '../../src/media/media-leg.ts';
import { connectWebsocketLeg, type WebsocketLegOptions } from '../../src/media/websocket-leg.ts';
import { type ScriptedAsterisk, type ScriptedAsteriskOptions, startScriptedAsterisk } from './scripted-asterisk.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function asterisk(options?: ScriptedAsteriskOptions): Promise<ScriptedAsterisk> {
  const server = await startScriptedAsterisk(options);
  opened.push(server);
  return server;
}

async function connect(url: string, options: Partial<WebsocketLegOptions> = {}): Promise<MediaLeg> {
  const leg = await connectWebsocketLeg({ mediaUrl: url, channelId: 'em', sampleRate: 8000, connectTimeoutMs: 5_000, ...options });
  opened.push(leg);
  return leg;
}

/** PCM at 8 kHz in which every sample is its own number, so that a lost or doubled byte shows. */
function counted(ms: number): Buffer {
  const pcm = Buffer.alloc(ms * 16);
  for (let i = 0; i < pcm.length / 2; i++) pcm.writeInt16LE((i % 30_000) + 1, i * 2);
  return pcm;
}

const WAIT = { timeout: 5_000, interval: 5 };
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), WAIT);

describe('connecting', () => {
  test('dials with the subprotocol media and is ready when Asterisk says MEDIA_START, in either form', async () => {
    for (const form of ['json', 'plain'] as const) {
      const server = await asterisk({ form });
      const leg = await connect(server.url);
      expect(server.protocols).toEqual(['media']);
      const utterance = leg.speak();
      void utterance.write(counted(20));
      utterance.end();
      await until(() => server.received.length === 4);
      expect(server.received).toEqual(['START_MEDIA_BUFFERING', 'audio 320', 'MARK_MEDIA m1', 'STOP_MEDIA_BUFFERING m2']);
    }
  });

  test('says so when the channel was made in another format', async () => {
    const server = await asterisk({ frameBytes: 640 });
    await expect(connect(server.url)).rejects.toMatchObject({ code: 'media-format', category: 'permanent' });
  });

  test('gives up after the connect timeout when Asterisk never starts the leg', async () => {
    const server = await asterisk({ greeting: null });
    await expect(connect(server.url, { connectTimeoutMs: 50 })).rejects.toMatchObject({ code: 'media-timeout', category: 'transient' });
  });

  test('tells a leg that Asterisk does not know, and never shows the address', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/media/s3cret`;
    const error = await connect(url).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'media-refused', status: 404 });
    expect(String(error)).not.toContain('s3cret');
    server.close();
    await once(server, 'close');
    await expect(connect(url)).rejects.toMatchObject({ code: 'media-lost' });
    await expect(connect('no address, s3cret')).rejects.toThrow(/^Media leg em: (?!.*s3cret)/);
  });

  test('an abort while connecting leaves nothing behind', async () => {
    const server = await asterisk({ greeting: null });
    const controller = new AbortController();
    const connecting = connect(server.url, { signal: controller.signal });
    await until(() => server.protocols.length === 1);
    const gone = once(server.socket(), 'close');
    controller.abort(new Error('callee hung up'));
    await expect(connecting).rejects.toThrow('callee hung up');
    await gone;
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('a closed leg holds on to nothing of its call', async () => {
    const server = await asterisk();
    const controller = new AbortController();
    const leg = await connect(server.url, { signal: controller.signal });
    expect(getEventListeners(controller.signal, 'abort').length).toBe(1);
    await leg.close();
    await leg.close();
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });

  test('an abort later closes the leg, without an error', async () => {
    const server = await asterisk();
    const controller = new AbortController();
    const leg = await connect(server.url, { signal: controller.signal });
    const utterance = leg.speak();
    void utterance.write(counted(100));
    controller.abort();
    expect(await leg.closed).toEqual({});
    expect(await utterance.played).toMatchObject({ complete: false });
  });
});

describe('speaking', () => {
  test('an utterance arrives byte for byte, whatever the sizes it was written in, and settles when it was heard to its end', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const heard: Buffer[] = [];
    leg.onPlayed((pcm) => heard.push(pcm));
    const pcm = counted(1_010);
    const utterance = leg.speak();
    for (let at = 0; at < pcm.length; at += 501) await utterance.write(pcm.subarray(at, at + 501));
    utterance.end();
    expect(leg.speaking).toBe(true);
    await until(() => server.queuedMs() === 1_020);
    server.play(1_020);
    expect(await utterance.played).toEqual({ heardMs: 1_010, complete: true });
    expect(utterance.heardMs).toBe(1_010);
    expect(leg.speaking).toBe(false);
    const expected = Buffer.concat([pcm, Buffer.alloc(160)]);
    expect(server.played().equals(expected)).toBe(true);
    expect(Buffer.concat(heard).equals(expected)).toBe(true);
  });

  test('two utterances follow each other without a gap, and the second waits for the end of the first', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const first = leg.speak();
    const second = leg.speak();
    void second.write(counted(200));
    second.end();
    void first.write(counted(60));
    await until(() => server.queuedMs() === 60);
    void first.write(counted(40));
    first.end();
    await until(() => server.queuedMs() === 300);
    server.play(100);
    expect(await first.played).toEqual({ heardMs: 100, complete: true });
    server.play(200);
    expect(await second.played).toEqual({ heardMs: 200, complete: true });
    expect(server.played().equals(Buffer.concat([counted(60), counted(40), counted(200)]))).toBe(true);
  });

  test('never more than 10 s ahead of the ear, and a writer waits until there is room', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const utterance = leg.speak();
    let roomy = false;
    const written = utterance.write(counted(25_000)).then(() => {
      roomy = true;
    });
    await until(() => server.queuedMs() === 10_000);
    for (let played = 0; played < 14_900; played += 100) {
      server.play(100);
      await until(() => server.queuedMs() === 10_000);
    }
    expect(roomy).toBe(false);
    server.play(200);
    await written;
    expect(server.received.filter((line) => line.startsWith('audio')).every((line) => Number(line.slice(6)) <= 32_000)).toBe(true);
  });

  test('sends nothing between XOFF and XON', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    server.send('{"event":"MEDIA_XOFF"}');
    const seen = new Promise<void>((resolve) => leg.onFrame(() => resolve()));
    server.send(Buffer.alloc(320));
    await seen;
    const utterance = leg.speak();
    void utterance.write(counted(40));
    const pong = once(server.socket(), 'pong');
    server.socket().ping();
    await pong;
    expect(server.received).toEqual([]);
    server.send('{"event":"MEDIA_XON"}');
    await until(() => server.queuedMs() === 40);
  });

  test('a flush drops everything and settles each utterance with what was heard; the leg speaks on afterwards', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const heard: Buffer[] = [];
    leg.onPlayed((pcm) => heard.push(pcm));
    const first = leg.speak();
    void first.write(counted(300));
    first.end();
    const second = leg.speak();
    let released = false;
    const writing = second.write(counted(20_000)).then(() => {
      released = true;
    });
    await until(() => server.queuedMs() === 10_000);
    server.play(500);
    expect(await first.played).toEqual({ heardMs: 300, complete: true });
    await until(() => second.heardMs >= 200);
    expect(released).toBe(false);
    leg.flush();
    const { heardMs, complete } = await second.played;
    expect(complete).toBe(false);
    // 200 ms by the marks; then the clock, up to the next mark.
    expect(heardMs).toBeGreaterThanOrEqual(200);
    expect(heardMs).toBeLessThanOrEqual(300);
    expect(Buffer.concat(heard).length).toBe((300 + heardMs) * 16);
    await writing;
    expect(leg.speaking).toBe(false);
    await until(() => server.received.at(-1) === 'FLUSH_MEDIA');
    await second.write(counted(100));
    const third = leg.speak();
    void third.write(counted(100));
    third.end();
    await until(() => server.queuedMs() === 100);
    server.play(100);
    expect(await third.played).toEqual({ heardMs: 100, complete: true });
  });

  test('an utterance without a sound is complete at once, or after those before it', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const empty = leg.speak();
    empty.end();
    expect(await empty.played).toEqual({ heardMs: 0, complete: true });
    const order: string[] = [];
    const first = leg.speak();
    const second = leg.speak();
    second.end();
    void first.write(counted(40));
    first.end();
    void first.played.then(() => order.push('first'));
    void second.played.then(() => order.push('second'));
    await until(() => server.received.includes('MARK_MEDIA m3'));
    server.play(40);
    await second.played;
    expect(order).toEqual(['first', 'second']);
  });
});

describe('listening', () => {
  test('the callee comes in frames of exactly 20 ms, whatever the sizes Asterisk sends', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const frames: Buffer[] = [];
    const stop = leg.onFrame((frame) => frames.push(frame));
    const pcm = counted(200);
    for (const [from, to] of [
      [0, 2],
      [2, 322],
      [322, 1_000],
      [1_000, 3_200],
    ] as const)
      server.send(pcm.subarray(from, to));
    await until(() => frames.length === 10);
    expect(frames.every((frame) => frame.length === 320)).toBe(true);
    expect(Buffer.concat(frames).equals(pcm)).toBe(true);
    stop();
    server.send(counted(20));
    const pong = once(server.socket(), 'pong');
    server.socket().ping();
    await pong;
    expect(frames.length).toBe(10);
  });

  test('after a stall the newest second is kept and what is older is dropped', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const frames: number[] = [];
    leg.onFrame((frame) => frames.push(frame.readInt16LE(0)));
    // One message of 1.9 s is one stall, however the kernel cuts it.
    const pcm = Buffer.alloc(95 * 320);
    for (let i = 0; i < 95; i++) pcm.writeInt16LE(i, i * 320);
    server.send(pcm);
    await until(() => frames.at(-1) === 94);
    expect(frames).toEqual(Array.from({ length: 50 }, (_, i) => i + 45));
  });
});

describe('when things go wrong', () => {
  test('Asterisk ends the leg: closed says why, and what was unsaid is settled', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const utterance = leg.speak();
    const writing = utterance.write(counted(20_000));
    await until(() => server.queuedMs() === 10_000);
    server.socket().close(1000);
    expect(await leg.closed).toMatchObject({ error: { code: 'media-closed', category: 'transient' } });
    expect(await utterance.played).toMatchObject({ complete: false });
    await writing;
    expect(await leg.speak().played).toEqual({ heardMs: 0, complete: false });
    leg.flush();
    await leg.close();
  });

  test('a half-open socket is noticed by unanswered pings', async () => {
    const server = await asterisk({ autoPong: false });
    const leg = await connect(server.url, { pingEveryMs: 30 });
    expect(await leg.closed).toMatchObject({ error: { code: 'media-silent' } });
  });

  test('a quiet callee is not a dead leg', async () => {
    const server = await asterisk();
    const leg = await connect(server.url, { pingEveryMs: 10 });
    let pings = 0;
    server.socket().on('ping', () => pings++);
    await until(() => pings > 10);
    await leg.close();
    expect(await leg.closed).toEqual({});
  });

  test('an Asterisk that lives but plays nothing is noticed', async () => {
    const server = await asterisk();
    const leg = await connect(server.url, { pingEveryMs: 30 });
    const utterance = leg.speak();
    void utterance.write(counted(200));
    expect(await leg.closed).toMatchObject({ error: { code: 'media-stalled' } });
    expect(await utterance.played).toMatchObject({ complete: false });
  });

  test('junk is ignored and the call goes on', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    const frames: Buffer[] = [];
    leg.onFrame((frame) => frames.push(frame));
    for (const junk of [
      '',
      '{',
      'null',
      '[]',
      '{"event":7}',
      'MEDIA_MARK_PROCESSED',
      'MEDIA_BUFFERING_COMPLETED m1',
      '{"event":"__proto__"}',
      'x'.repeat(60_000),
    ])
      server.send(junk);
    server.send(Buffer.alloc(0));
    server.send(Buffer.alloc(321, 1));
    server.send(counted(20));
    await until(() => frames.length === 1);
    expect(frames[0]?.equals(counted(20))).toBe(true);
  });

  test('an endless message ends the leg instead of filling memory', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    server.send('x'.repeat(200_000));
    expect(await leg.closed).toMatchObject({ error: { code: 'media-lost' } });
  });

  test('a listener that throws ends its own leg, not the process', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    leg.onFrame(() => {
      throw new Error('broken listener');
    });
    server.send(counted(20));
    const { error } = await leg.closed;
    expect(error).toMatchObject({ code: 'media-listener', cause: { message: 'broken listener' } });
  });

  test('closing a leg whose far side never says goodbye still ends', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    server.socket().pause();
    await leg.close();
    expect(await leg.closed).toEqual({});
  });
});
