import { randomUUID } from 'node:crypto';
import type WebSocket from 'ws';
import { type Ari, type AriAddress, type AriEvent, connectAri } from '../../src/sandbox/people/ari.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';

const SAMPLE_RATE = 16_000;
const FRAME_BYTES = (SAMPLE_RATE / 50) * 2;

/** Calls a dial string of a real Asterisk with nothing of the product in between: what is wrong then is wrong with the line or the far end. */
export async function createCaller(address: AriAddress, app = `caller-${randomUUID()}`) {
  const events: AriEvent[] = [];
  const watchers = new Set<() => void>();
  const ari: Ari = await connectAri(address, app, (event) => {
    events.push(event);
    for (const watcher of watchers) watcher();
  });

  /** Waits for an event of a channel, past or to come. */
  const eventOf = (id: string, type: string, fits: (event: Told) => boolean = () => true) =>
    new Promise<Told>((resolve) => {
      const look = () => {
        const found = (events as Told[]).find((event) => event.type === type && event.channel?.id === id && fits(event));
        if (found === undefined) return;
        watchers.delete(look);
        resolve(found);
      };
      watchers.add(look);
      look();
    });

  async function dial(endpoint: string, timeoutSeconds = 10) {
    const id = randomUUID();
    await ari.request('POST', 'channels/create', { endpoint, app, channelId: id });
    await eventOf(id, 'StasisStart');
    await ari.request('POST', `channels/${id}/dial`, { timeout: String(timeoutSeconds) });
    return {
      id,
      answered: eventOf(id, 'ChannelStateChange', (event) => event.channel?.state === 'Up'),
      destroyed: eventOf(id, 'ChannelDestroyed'),
      digit: () => eventOf(id, 'ChannelDtmfReceived').then((event) => event.digit),
      hangUp: () => ari.request('DELETE', `channels/${id}`),
    };
  }

  /** A mouth and ears on a channel that was dialled. */
  async function talkOn(channelId: string) {
    const mediaId = randomUUID();
    const bridgeId = randomUUID();
    const channel = (await ari.request('POST', 'channels/externalMedia', {
      ...{ channelId: mediaId, app, external_host: 'INCOMING', transport: 'websocket' },
      ...{ encapsulation: 'none', connection_type: 'server', format: 'slin16' },
    })) as { channelvars: { MEDIA_WEBSOCKET_CONNECTION_ID: string } };
    const media: WebSocket = await ari.openMedia(channel.channelvars.MEDIA_WEBSOCKET_CONNECTION_ID);
    const ear = createListener(SAMPLE_RATE);
    const heard: string[] = [];
    media.on('message', (data, isBinary) => {
      if (isBinary && Buffer.isBuffer(data)) heard.push(...ear.push(data).map(({ text }) => text));
    });
    await eventOf(mediaId, 'StasisStart');
    await ari.request('POST', 'bridges', { type: 'mixing', bridgeId });
    await ari.request('POST', `bridges/${bridgeId}/addChannel`, { channel: `${channelId},${mediaId}` });
    return {
      get heardText() {
        return heard.join(' ');
      },
      /** All at once: Asterisk paces what it is given, and no late timer of ours is heard. At most 15 s. */
      say(text: string) {
        const sound = speak(text, SAMPLE_RATE);
        for (let at = 0; at < sound.length; at += FRAME_BYTES)
          media.send(Buffer.concat([sound.subarray(at, at + FRAME_BYTES)], FRAME_BYTES));
      },
      async end() {
        media.close();
        await Promise.allSettled([ari.request('DELETE', `channels/${mediaId}`), ari.request('DELETE', `bridges/${bridgeId}`)]);
      },
    };
  }

  return {
    dial,
    talkOn,
    close: () => ari.close(),
  };
}

interface Told extends AriEvent {
  channel?: { id: string; state?: string };
  cause?: number;
  tech_cause?: number;
  digit?: string;
}
