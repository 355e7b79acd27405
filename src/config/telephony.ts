import { hostname } from 'node:os';
import { choice, count, form, ms, type Settings, secret, text, url, type Values } from './setting.ts';

const MEDIA_KINDS = ['auto', 'websocket', 'audiosocket'] as const;
const SPEECH_DETECTORS = ['energy', 'silero'] as const;

/** Asterisk, and how audio travels to and from it. */
export const TELEPHONY_SETTINGS = {
  ARI_URL: url("Asterisk's HTTP address", ['http:', 'https:'], 'http://127.0.0.1:8088'),
  ARI_USERNAME: text('User of ari.conf'),
  ARI_PASSWORD: secret('Its password'),
  ARI_APP: text(
    "Stasis application of this worker; two processes must never share one. Unset: made of the host's name and the process id",
    'name',
  ),
  ARI_DEADLINE: ms('How long Asterisk may take to answer a request', 5_000),
  CALL_CONCURRENCY: count('Calls at a time in one worker process', 5, 1, 500, 'calls'),
  MEDIA_SAMPLE_RATE: choice('Audio between Asterisk and the worker', ['8000', '16000', '24000'], '16000'),
  MEDIA: choice(
    "How audio travels: by Asterisk's websocket, or by AudioSocket; auto takes what this Asterisk does best",
    MEDIA_KINDS,
    'auto',
  ),
  SPEECH_DETECTOR: choice(
    "What tells speech from noise: its loudness, or Silero's model, which hears people on noisy lines and is installed apart (docs/speech-detector.md)",
    SPEECH_DETECTORS,
    'energy',
  ),
  AUDIOSOCKET_HOST: text('Address that Asterisk connects to with audio by AudioSocket', 'address', '127.0.0.1'),
  AUDIOSOCKET_PORT: count('Its port, one a worker; 0 takes a free one', 8_090, 0, 65_535, 'port'),
  AUDIOSOCKET_ADVERTISE: form(
    'What Asterisk is told to connect to, where that is another address. Unset: AUDIOSOCKET_HOST and the port',
    'host:port',
    /^(\[[0-9a-fA-F:.]+\]|[^\s:/]+)(:\d{1,5})?$/,
    'a host, and a port where it is another one: asterisk-sees-me.example:8090',
  ),
  ASTERISK_SPEECH_DIR: text(
    'DATA_DIR/speech as Asterisk sees it, absolute: from there it plays the apology itself when the audio of a call is dead. Unset: the same folder',
    'folder',
  ),
} as const satisfies Settings;

export interface TelephonyConfig {
  ari: { url: string; username: string; password: string; app: string; deadlineMs: number };
  callConcurrency: number;
  mediaSampleRate: 8000 | 16000 | 24000;
  /** Undefined: the same as ours. */
  asteriskSpeechDir: string | undefined;
  media: {
    kind: (typeof MEDIA_KINDS)[number];
    speechDetector: (typeof SPEECH_DETECTORS)[number];
    /** `advertise`: `host` or `host:port` as Asterisk sees it, where that differs. */
    audioSocket: { host: string; port: number; advertise: string | undefined };
  };
}

export function readTelephony({ string, number }: Values<keyof typeof TELEPHONY_SETTINGS>): TelephonyConfig {
  return {
    ari: {
      url: string('ARI_URL'),
      username: string('ARI_USERNAME'),
      password: string('ARI_PASSWORD'),
      app: string('ARI_APP') || `ringfence-${hostname()}-${process.pid}`,
      deadlineMs: number('ARI_DEADLINE'),
    },
    callConcurrency: number('CALL_CONCURRENCY'),
    mediaSampleRate: number('MEDIA_SAMPLE_RATE') as TelephonyConfig['mediaSampleRate'],
    asteriskSpeechDir: string('ASTERISK_SPEECH_DIR') || undefined,
    media: {
      kind: string('MEDIA') as TelephonyConfig['media']['kind'],
      speechDetector: string('SPEECH_DETECTOR') as TelephonyConfig['media']['speechDetector'],
      audioSocket: {
        host: string('AUDIOSOCKET_HOST'),
        port: number('AUDIOSOCKET_PORT'),
        advertise: string('AUDIOSOCKET_ADVERTISE') || undefined,
      },
    },
  };
}
