import { beep } from '../people/mouth.ts';
import type { Channel } from './channel.ts';
import type { Exchange } from './exchange.ts';

/** Sound files that this Asterisk has, and how long they last. Milliseconds. Whoever listens hears a tone. */
const sounds: Record<string, number> = { beep: 440, 'vm-goodbye': 1_100, 'tt-somethingwrong': 2_600, 'silence/1': 1_000 };

interface Playback {
  id: string;
  media_uri: string;
  target_uri: string;
  language: string;
  state: 'queued' | 'playing' | 'done' | 'failed';
}

/** Sound files played to a channel. */
export function createPlaybacks(exchange: Exchange) {
  const playing = new Map<string, { playback: Playback; finish: (state: 'done' | 'failed') => void }>();

  return {
    play(channel: Channel, media: string, id: string = crypto.randomUUID()) {
      const playback: Playback = { id, media_uri: media, target_uri: `channel:${channel.id}`, language: 'en', state: 'queued' };
      const queued = { ...playback };
      const ms = media.startsWith('sound:') ? sounds[media.slice('sound:'.length)] : undefined;
      const tell = (type: string) => exchange.publish(channel.app, { type, playback: { ...playback } });
      const rate = channel.device?.sampleRate ?? 8_000;
      const pcm = beep(ms ?? 0, rate);
      let at = 0;
      const stopClock = exchange.clock.onFrame(() => {
        if (!exchange.get(channel.id)) return finish('done');
        if (ms === undefined) return;
        channel.device?.hear(Buffer.concat([pcm.subarray(at, at + (rate / 50) * 2)], (rate / 50) * 2));
        at += (rate / 50) * 2;
        if (at >= pcm.length) finish('done');
      });
      function finish(state: 'done' | 'failed') {
        if (!playing.delete(id)) return;
        stopClock();
        playback.state = state;
        tell('PlaybackFinished');
      }
      playing.set(id, { playback, finish });
      channel.after(0, () => {
        playback.state = 'playing';
        tell('PlaybackStarted');
        if (ms === undefined) finish('failed');
      });
      return queued;
    },
    get: (id: string) => playing.get(id)?.playback,
    stop(id: string): boolean {
      const found = playing.get(id);
      found?.finish('done');
      return found !== undefined;
    },
  };
}

export type Playbacks = ReturnType<typeof createPlaybacks>;
