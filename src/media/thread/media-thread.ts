import type { Logger } from '../../logger.ts';
import { mediaError } from '../media-error.ts';
import type { MediaLeg } from '../media-leg.ts';
import { fromData } from './error-as-data.ts';
import type { FromThread, NewLeg, SpeechDetectorKind, ThreadData, ToThread } from './messages.ts';
import { createRemoteLeg, type RemoteLeg } from './remote-leg.ts';
import { createRemoteRecording, type RemoteRecording } from './remote-recording.ts';
import { startWatchedWorker } from './watched-worker.ts';

/** A port that was ours a moment ago and is not to be had now is tried again so often. */
const RELISTEN_MS = 1_000;

const ENTRY = new URL('./entry.ts', import.meta.url);

export interface WantedLeg {
  /** The external-media channel. */
  channelId: string;
  /** Hertz. */
  sampleRate: number;
  /** Ends the wait; later, closes the leg. */
  signal?: AbortSignal | undefined;
  connectTimeoutMs: number;
  /** The callee was speaking when the leg before this one died. */
  calleeSpeaks?: boolean | undefined;
}

export interface AudioSocketAddress {
  /** Address to listen on. */
  host: string;
  /** 0 takes a free one, and keeps it. */
  port: number;
  /** Hertz, of every leg. */
  sampleRate: number;
  handshakeTimeoutMs?: number | undefined;
}

export interface AudioSocketPort {
  readonly port: number;
  /** Legs that live. */
  readonly legs: number;
  /** One of them has been silent for so long that it may be dead. */
  readonly stale: boolean;
  /**
   * The leg with this UUID, when Asterisk has connected it. To be called before Asterisk is asked for the channel, because it connects before it answers.
   */
  expectLeg(wanted: WantedLeg & { id: string }): Promise<MediaLeg>;
}

export interface CallRecording {
  /** Records this leg too: the one that took the place of another. */
  tape(leg: MediaLeg): void;
  /** Writes the rest. Never rejects: `error` says why the file ends early. Idempotent. */
  close(): Promise<{ durationMs: number; error?: Error }>;
}

/**
 * The thread in which the audio of every call of this process lives: sockets, pacing, speech detection, recordings. Whatever the main thread is busy with,
 * no frame is late. When it dies, its legs close with an error, and there is a new one.
 */
export interface MediaThread {
  /** Dials the media websocket of an external-media channel. Rejects with a `ServiceError` (codes: `MediaErrorCode`), or with the signal's reason. */
  connectLeg(wanted: WantedLeg & { mediaUrl: string }): Promise<MediaLeg>;
  /** Once. @throws UserError when the address can't be listened on. */
  listen(address: AudioSocketAddress): Promise<AudioSocketPort>;
  /** Records what is said on a call as a stereo WAV; folders are made. */
  record(path: string, sampleRate: number): CallRecording;
  /** Ends every leg, then the thread. Idempotent. */
  close(): Promise<void>;
}

export interface MediaThreadOptions {
  logger: Pick<Logger, 'warn' | 'error'>;
  /** What runs in the thread. */
  entry?: URL | undefined;
  pingEveryMs?: number | undefined;
  /** What listens for speech on each leg. */
  speechDetector?: SpeechDetectorKind | undefined;
}

export function startMediaThread({ logger, entry = ENTRY, pingEveryMs, speechDetector }: MediaThreadOptions): MediaThread {
  const legs = new Map<number, RemoteLeg>();
  const legIds = new WeakMap<MediaLeg, number>();
  const recordings = new Map<number, RemoteRecording>();
  /** Legs that came over AudioSocket and live. */
  const audioSocketLegs = new Set<RemoteLeg>();
  let address: AudioSocketAddress | undefined;
  let listening = Promise.withResolvers<number>();
  let stale = false;
  let made = 0;
  let over = false;
  let relisten: NodeJS.Timeout | undefined;

  const worker = startWatchedWorker({
    entry,
    pingEveryMs,
    data: { speechDetector } satisfies ThreadData,
    onMessage,
    onPong({ audioSocketStale }) {
      stale = audioSocketStale;
    },
    onDeath(error) {
      logger.error({ err: error, legs: legs.size }, 'the media thread died; starting another');
      for (const remote of [...legs.values()]) remote.lose(deathOf(remote.leg.channelId, error));
    },
    onReborn() {
      if (address) worker.post(listenMessage(address));
      for (const recording of recordings.values()) recording.goOn();
    },
  });

  function onMessage(message: Exclude<FromThread, { kind: 'pong' | 'stopped' }>): void {
    switch (message.kind) {
      case 'log':
        logger[message.level](revive(message.facts), message.message);
        break;
      case 'listening':
        listening.resolve(message.port);
        break;
      case 'not-listening':
        onNotListening(fromData(message.error));
        break;
      case 'recording-began':
      case 'recorded':
        recordings.get(message.recording)?.onNews(message);
        break;
      default:
        legs.get(message.leg)?.onNews(message);
    }
  }

  function onNotListening(error: Error): void {
    listening.reject(error);
    if (!address) return;
    logger.error({ err: error }, 'the media thread can not listen for AudioSocket again; it goes on trying');
    relisten = setTimeout(() => address && worker.post(listenMessage(address)), RELISTEN_MS);
  }

  async function openLeg(wanted: WantedLeg, order: (leg: NewLeg) => ToThread, onOpen?: (remote: RemoteLeg) => void): Promise<MediaLeg> {
    const { channelId, sampleRate, signal, connectTimeoutMs, calleeSpeaks = false } = wanted;
    signal?.throwIfAborted();
    const id = ++made;
    const remote = createRemoteLeg({ id, channelId, sampleRate, post: worker.post });
    legs.set(id, remote);
    legIds.set(remote.leg, id);
    const onAbort = () => void remote.leg.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    void remote.leg.closed.then(() => {
      legs.delete(id);
      signal?.removeEventListener('abort', onAbort);
    });
    if (!worker.post(order({ leg: id, channelId, sampleRate, connectTimeoutMs, calleeSpeaks }))) {
      remote.lose(deathOf(channelId, new Error('it is being started again')));
    }
    try {
      await remote.opened;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
    // Also when both came at once: a leg that is already closing is of no use.
    signal?.throwIfAborted();
    onOpen?.(remote);
    return remote.leg;
  }

  function countAudioSocketLeg(remote: RemoteLeg): void {
    audioSocketLegs.add(remote);
    void remote.leg.closed.then(() => audioSocketLegs.delete(remote));
  }

  return {
    connectLeg: ({ mediaUrl, ...wanted }) => openLeg(wanted, (leg) => ({ kind: 'connect', mediaUrl, ...leg })),
    async listen(wanted) {
      listening = Promise.withResolvers();
      worker.post(listenMessage(wanted));
      const port = await listening.promise;
      address = { ...wanted, port };
      return {
        port,
        get legs() {
          return audioSocketLegs.size;
        },
        get stale() {
          return stale;
        },
        expectLeg: ({ id, ...leg }) => openLeg(leg, (order) => ({ kind: 'expect', id, ...order }), countAudioSocketLeg),
      };
    },
    record(path, sampleRate) {
      const id = ++made;
      const recording = createRemoteRecording({ id, path, sampleRate, post: worker.post });
      recordings.set(id, recording);
      return {
        tape(leg) {
          const legId = legIds.get(leg);
          if (legId !== undefined) worker.post({ kind: 'tape', recording: id, leg: legId });
        },
        async close() {
          try {
            const closing = recording.close();
            if (over) recording.lose(new Error('this worker has stopped'));
            return await closing;
          } finally {
            recordings.delete(id);
          }
        },
      };
    },
    async close() {
      over = true;
      clearTimeout(relisten);
      await worker.stop();
      for (const remote of [...legs.values()]) remote.lose(mediaError(remote.leg.channelId, 'media-closed', 'this worker is stopping'));
      for (const recording of recordings.values()) recording.lose(new Error('this worker is stopping'));
    },
  };
}

function listenMessage({ host, port, sampleRate, handshakeTimeoutMs }: AudioSocketAddress): ToThread {
  return { kind: 'listen', host, port, sampleRate, handshakeTimeoutMs };
}

function deathOf(channelId: string, cause: Error) {
  return mediaError(channelId, 'media-lost', `the media thread died: ${cause.message}`, { cause });
}

/** Errors among the facts of a log line become errors again, so that the logger shows them as it shows all others. */
function revive({ err, ...facts }: Record<string, unknown>): Record<string, unknown> {
  return err === undefined ? facts : { ...facts, err: fromData(err as Parameters<typeof fromData>[0]) };
}
