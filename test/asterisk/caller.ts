import { randomUUID } from 'node:crypto';
import type WebSocket from 'ws';
import { createFrameClock } from '../../src/sandbox/asterisk/frame-clock.ts';
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
  const clock = createFrameClock();

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
      say(text: string) {
        let sound = speak(text, SAMPLE_RATE);
        const stop = clock.onFrame(() => {
          media.send(Buffer.concat([sound.subarray(0, FRAME_BYTES)], FRAME_BYTES));
          sound = sound.subarray(FRAME_BYTES);
          if (sound.length === 0) stop();
        });
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
    close() {
      clock.stop();
      ari.close();
    },
  };
}

interface Told extends AriEvent {
  channel?: { id: string; state?: string };
  cause?: number;
  tech_cause?: number;
  digit?: string;
}
