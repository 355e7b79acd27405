import { existsSync, readFileSync } from 'node:fs';
import { beep } from '../people/mouth.ts';
import type { Channel } from './channel.ts';
import type { Exchange } from './exchange.ts';
import { createResampler } from './resampler.ts';

/** Sound files that this Asterisk has, and how long they last. Milliseconds. Whoever listens hears a tone. */
const sounds: Record<string, number> = {
  beep: 440,
  sorry: 1_200,
  'please-try-call-later': 2_100,
  'vm-goodbye': 1_100,
  'tt-somethingwrong': 2_600,
  'silence/1': 1_000,
};

/** Raw PCM by its name's ending, as Asterisk's format_sln reads it. Hertz. */
const rawRates: Record<string, number> = { sln: 8_000, sln16: 16_000, sln24: 24_000 };

interface Playback {
  id: string;
  media_uri: string;
  next_media_uri?: string | undefined;
  target_uri: string;
  language: string;
  state: 'queued' | 'playing' | 'continuing' | 'done' | 'failed';
}

/** Sound files played to a channel. */
export function createPlaybacks(exchange: Exchange) {
  const playing = new Map<string, { playback: Playback; stop: () => void }>();

  return {
    play(channel: Channel, media: string, id: string = crypto.randomUUID()) {
      const uris = media.split(',');
      const target = `channel:${channel.id}`;
      const playback: Playback = {
        id,
        media_uri: uris[0] ?? '',
        next_media_uri: uris[1],
        target_uri: target,
        language: 'en',
        state: 'queued',
      };
      const queued = { ...playback };
      const rate = channel.device?.sampleRate ?? 8_000;
      const frameBytes = (rate / 50) * 2;
      let stopClock = () => {};
      const tell = (type: string, state: Playback['state']) => {
        playback.state = state;
        exchange.publish(channel.app, { type, playback: { ...playback } });
      };
      const finish = (state: 'done' | 'failed') => {
        if (!playing.delete(id)) return;
        stopClock();
        tell('PlaybackFinished', state);
      };

      function playFrom(index: number, foundAny: boolean) {
        const uri = uris[index];
        if (uri === undefined) return finish(foundAny ? 'done' : 'failed');
        const next = uris[index + 1];
        playback.media_uri = uri;
        playback.next_media_uri = next;
        tell('PlaybackStarted', 'playing');
        const pcm = soundOf(uri, rate);
        const goOn = () => {
          stopClock();
          if (next !== undefined) tell('PlaybackContinuing', 'continuing');
          playFrom(index + 1, foundAny || pcm !== undefined);
        };
        if (pcm === undefined) return goOn();
        let at = 0;
        stopClock = exchange.clock.onFrame(() => {
          if (!exchange.get(channel.id)) return finish('done');
          channel.device?.hear(Buffer.concat([pcm.subarray(at, at + frameBytes)], frameBytes));
          at += frameBytes;
          if (at >= pcm.length) goOn();
        });
      }

      playing.set(id, { playback, stop: () => finish('done') });
      channel.after(0, () => playing.has(id) && playFrom(0, false));
      return queued;
    },
    get: (id: string) => playing.get(id)?.playback,
    stop(id: string): boolean {
      const found = playing.get(id);
      found?.stop();
      return found !== undefined;
    },
  };
}

/** A sound's name comes without its ending; one that begins with a slash is a file of the machine. */
function soundOf(uri: string, rate: number): Buffer | undefined {
  const name = uri.startsWith('sound:') ? uri.slice('sound:'.length) : '';
  const ms = sounds[name];
  if (ms !== undefined) return beep(ms, rate);
  const ending = name.startsWith('/') ? Object.keys(rawRates).find((one) => existsSync(`${name}.${one}`)) : undefined;
  const fileRate = ending === undefined ? undefined : rawRates[ending];
  if (fileRate === undefined) return undefined;
  const pcm = readFileSync(`${name}.${ending}`);
  return fileRate === rate ? pcm : resample(pcm, fileRate, rate);
}

function resample(pcm: Buffer, fromRate: number, toRate: number): Buffer {
  const resampler = createResampler(fromRate, toRate);
  const frameBytes = (fromRate / 50) * 2;
  const frames: Buffer[] = [];
  for (let at = 0; at < pcm.length; at += frameBytes) frames.push(resampler.push(pcm.subarray(at, at + frameBytes)));
  return Buffer.concat(frames);
}

export type Playbacks = ReturnType<typeof createPlaybacks>;
