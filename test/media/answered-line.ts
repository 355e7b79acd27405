import { randomUUID } from 'node:crypto';
import type { MediaLeg } from '../../src/media/media-leg.ts';
import { type MediaThread, startMediaThread } from '../../src/media/thread/media-thread.ts';
import { type AriAddress, type AriEvent, connectAri } from '../../src/sandbox/people/ari.ts';

const quiet = { warn() {}, error() {} };

export interface AnsweredLine {
  leg: MediaLeg;
  /** In the thread that the leg lives in, as calls are recorded. */
  record: MediaThread['record'];
  /** Ends the callee's channel, as they do when they hang up. */
  hangUpCallee(): Promise<void>;
  /** Ends the leg's channel at Asterisk's side. */
  hangUpLeg(): Promise<void>;
  close(): Promise<void>;
}

/** Both ways of a call's audio: what holds of one holds of the other. */
export const MEDIA_KINDS = ['websocket', 'audiosocket'] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

type Told = AriEvent & { channel?: { state?: string } };

/** Calls a dial string and gives the media leg to whoever answers, by plain ARI requests. `beforeAnswer` runs when the leg is ready and nobody is there yet. */
export async function answeredLine(
  address: AriAddress,
  options: {
    endpoint: string;
    sampleRate: 8000 | 16000 | 24000;
    kind?: MediaKind;
    beforeAnswer?: (leg: MediaLeg, record: MediaThread['record']) => void;
  },
): Promise<AnsweredLine> {
  const { endpoint, sampleRate, kind = 'websocket' } = options;
  const [app, callee, media, bridgeId] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const events: Told[] = [];
  const watchers = new Set<() => void>();
  const ari = await connectAri(address, app, (event) => {
    events.push(event);
    for (const watcher of watchers) watcher();
  });
  const seen = (id: string, fits: (event: Told) => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!events.some((event) => event.channel?.id === id && fits(event))) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });

  await ari.request('POST', 'channels/create', { endpoint, app, channelId: callee });
  await seen(callee, (event) => event.type === 'StasisStart');
  const format = sampleRate === 8000 ? 'slin' : `slin${sampleRate / 1000}`;
  const request: ExternalMediaRequest = (how) => ari.request('POST', 'channels/externalMedia', { channelId: media, app, format, ...how });
  const open = kind === 'websocket' ? overWebsocket : overAudioSocket;
  const { leg, thread } = await open({ address, channelId: media, sampleRate, request });
  await seen(media, (event) => event.type === 'StasisStart');
  await ari.request('POST', 'bridges', { type: 'mixing', bridgeId });
  await ari.request('POST', `bridges/${bridgeId}/addChannel`, { channel: `${callee},${media}` });
  options.beforeAnswer?.(leg, thread.record);
  await ari.request('POST', `channels/${callee}/dial`, { timeout: '10' });
  await seen(callee, (event) => event.type === 'ChannelStateChange' && event.channel?.state === 'Up');

  const hangUp = async (id: string) => {
    await ari.request('DELETE', `channels/${id}`).catch(() => {});
    await seen(id, (event) => event.type === 'ChannelDestroyed');
  };
  return {
    leg,
    record: thread.record,
    hangUpCallee: () => hangUp(callee),
    hangUpLeg: () => hangUp(media),
    async close() {
      await leg.close();
      await hangUp(callee);
      await hangUp(media);
      await ari.request('DELETE', `bridges/${bridgeId}`);
      ari.close();
      await thread.close();
    },
  };
}

type ExternalMediaRequest = (how: Record<string, string>) => Promise<unknown>;

interface WantedLeg {
  address: AriAddress;
  channelId: string;
  sampleRate: number;
  request: ExternalMediaRequest;
}

async function overWebsocket({ address, channelId, sampleRate, request }: WantedLeg) {
  const how = { external_host: 'INCOMING', transport: 'websocket', encapsulation: 'none', connection_type: 'server' };
  const made = (await request(how)) as { channelvars: { MEDIA_WEBSOCKET_CONNECTION_ID: string } };
  const mediaUrl = `${address.ariUrl.replace(/^http/, 'ws')}/media/${made.channelvars.MEDIA_WEBSOCKET_CONNECTION_ID}`;
  const thread = startMediaThread({ logger: quiet });
  return { leg: await thread.connectLeg({ mediaUrl, channelId, sampleRate, connectTimeoutMs: 5_000 }), thread };
}

async function overAudioSocket({ channelId, sampleRate, request }: WantedLeg) {
  const thread = startMediaThread({ logger: quiet });
  const server = await thread.listen({ host: '127.0.0.1', port: 0, sampleRate });
  const id = randomUUID();
  const leg = server.expectLeg({ id, channelId, sampleRate, connectTimeoutMs: 5_000 });
  const how = { external_host: `127.0.0.1:${server.port}`, transport: 'tcp', encapsulation: 'audiosocket', connection_type: 'client' };
  await Promise.all([leg, request({ ...how, data: id })]);
  return { leg: await leg, thread };
}
