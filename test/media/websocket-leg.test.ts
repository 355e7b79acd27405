import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { AudioLeg } from '../../src/media/media-leg.ts';
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

async function connect(url: string, options: Partial<WebsocketLegOptions> = {}): Promise<AudioLeg> {
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
});

describe('speaking', () => {
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
});

describe('when things go wrong', () => {
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

  test('a pause of ours is not taken for an Asterisk that plays nothing', async () => {
    const server = await asterisk();
    const leg = await connect(server.url, { pingEveryMs: 10 });
    void leg.speak().write(counted(200));
    leg.pause();
    let pings = 0;
    server.socket().on('ping', () => pings++);
    await until(() => pings > 20);
    server.play(200);
    leg.resume();
    await until(() => server.received.includes('CONTINUE_MEDIA'));
    server.play(200);
    await until(() => !leg.speaking);
  });

  test('an endless message ends the leg instead of filling memory', async () => {
    const server = await asterisk();
    const leg = await connect(server.url);
    server.send('x'.repeat(200_000));
    expect(await leg.closed).toMatchObject({ error: { code: 'media-lost' } });
  });
});
