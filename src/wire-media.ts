import { randomUUID } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { CallAudio } from './call/call-deps.ts';
import type { Config } from './config.ts';
import { UserError } from './errors.ts';
import type { Logger } from './logger.ts';
import { createHealingLeg } from './media/healing-leg.ts';
import type { MediaLeg } from './media/media-leg.ts';
import { type AudioSocketPort, type CallRecording, startMediaThread } from './media/thread/media-thread.ts';
import type { AriConnection } from './telephony/ari-connection.ts';
import { type Bridge, bridgeTogether, type ExternalMedia, openAudioSocketMedia, openExternalMedia } from './telephony/external-media.ts';
import { bestMediaKind, type MediaKind } from './telephony/media-support.ts';

/** How long Asterisk may take to start a media leg. It takes 20 ms when well. */
const MEDIA_CONNECT_TIMEOUT_MS = 5_000;

const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];

export interface MediaParts {
  config: Pick<Config, 'media' | 'mediaSampleRate'>;
  asterisk: AriConnection;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

type NameOf = (part: 'media' | 'bridge') => string;

/** The audio of every call in this process. */
export interface Media {
  /** The signal is the call's. `nameOf` tells what the names of the call's parts in Asterisk begin with. */
  openAudio(signal: AbortSignal, nameOf: NameOf): Promise<CallAudio>;
  /** Undefined while Asterisk has no reason to connect to us. */
  readonly audioSocket: { port: number; legs: number; stale: boolean } | undefined;
  /** Ends every leg, and the thread in which they live. */
  stop(): Promise<void>;
}

/** A leg and its channel in Asterisk. */
interface Opened {
  leg: MediaLeg;
  media: ExternalMedia;
}

/**
 * Starts the thread in which audio lives, decides how audio travels and, where Asterisk is to connect to us, opens the port for it.
 * @throws UserError when that port can't be had.
 */
export async function startMedia({ config, asterisk, log }: MediaParts): Promise<Media> {
  const sampleRate = config.mediaSampleRate;
  const { host, port, advertise } = config.media.audioSocket;
  if (advertise === undefined && WILDCARDS.includes(host) && config.media.kind !== 'websocket') {
    throw new UserError(
      `AUDIOSOCKET_HOST is ${host}, an address to listen on but none that Asterisk can connect to. Set AUDIOSOCKET_ADVERTISE to this machine's address as Asterisk sees it.`,
    );
  }
  const thread = startMediaThread({ logger: log, speechDetector: config.media.speechDetector });
  let audioSocket: AudioSocketPort | undefined;
  let starting: Promise<AudioSocketPort> | undefined;

  async function openPort(): Promise<AudioSocketPort> {
    starting ??= thread.listen({ host, port, sampleRate });
    try {
      audioSocket = await starting;
      return audioSocket;
    } catch (error) {
      starting = undefined;
      throw error;
    }
  }

  async function openWebsocket(idPrefix: string, { signal, calleeSpeaks }: LegWish): Promise<Opened> {
    const media = await openExternalMedia(asterisk, { sampleRate, logger: log, idPrefix, signal });
    return orHangUp(media, async () => {
      const { channelId, mediaUrl } = media;
      return thread.connectLeg({ mediaUrl, channelId, sampleRate, signal, calleeSpeaks, connectTimeoutMs: MEDIA_CONNECT_TIMEOUT_MS });
    });
  }

  async function openAudioSocket(idPrefix: string, { signal, calleeSpeaks }: LegWish): Promise<Opened> {
    const { expectLeg, port: bound } = await openPort();
    const [channelId, id] = [`${idPrefix}${randomUUID()}`, randomUUID()];
    const refused = new AbortController();
    const either = AbortSignal.any([signal, refused.signal]);
    const coming = expectLeg({ id, channelId, sampleRate, signal: either, calleeSpeaks, connectTimeoutMs: MEDIA_CONNECT_TIMEOUT_MS });
    // Heard when it is waited for, below.
    coming.catch(() => {});
    const address = advertised(advertise ?? host, bound);
    try {
      const media = await openAudioSocketMedia(asterisk, { ...{ channelId, address, connectionId: id }, sampleRate, logger: log, signal });
      return await orHangUp(media, () => coming);
    } catch (error) {
      refused.abort(error);
      throw error;
    }
  }

  const kindOf = createMediaChoice(config.media.kind, asterisk, log);
  const open = async (idPrefix: string, wish: LegWish) =>
    (await kindOf()) === 'websocket' ? openWebsocket(idPrefix, wish) : openAudioSocket(idPrefix, wish);
  try {
    if ((await kindOf()) === 'audiosocket') await openPort();
  } catch (error) {
    await thread.close();
    throw error;
  }

  return {
    openAudio: (signal, nameOf) =>
      openCallAudio({
        open: (wish) => open(nameOf('media'), wish),
        record: (path) => thread.record(path, sampleRate),
        ...{ nameOf, asterisk, log, signal },
      }),
    get audioSocket() {
      return audioSocket && { port: audioSocket.port, legs: audioSocket.legs, stale: audioSocket.stale };
    },
    stop: thread.close,
  };
}

/** Asked once a connection: an Asterisk that comes back may be another one. Says so in the log when the answer changes. */
function createMediaChoice(wanted: 'auto' | MediaKind, asterisk: AriConnection, log: MediaParts['log']): () => Promise<MediaKind> {
  let known: MediaKind | undefined;
  let asking: Promise<MediaKind> | undefined;
  asterisk.onState((state) => {
    if (state !== 'connected') asking = undefined;
  });

  async function ask(): Promise<MediaKind> {
    const { kind, why } = wanted === 'auto' ? await bestMediaKind(asterisk) : { kind: wanted, why: 'as MEDIA says' };
    if (kind !== known) log.info({ media: kind, why }, `audio of calls goes by ${kind}`);
    known = kind;
    return kind;
  }

  return async () => {
    const mine = asking ?? ask();
    asking = mine;
    try {
      return await mine;
    } catch (error) {
      if (asking === mine) asking = undefined;
      log.warn({ err: error }, `Asterisk does not say what it can do; audio of calls goes by ${known ?? 'websocket'}`);
      return known ?? 'websocket';
    }
  };
}

interface LegWish {
  signal: AbortSignal;
  /** See `WantedLeg`. */
  calleeSpeaks?: boolean;
}

interface CallAudioParts {
  open: (wish: LegWish) => Promise<Opened>;
  record: (path: string) => CallRecording;
  nameOf: NameOf;
  asterisk: AriConnection;
  log: MediaParts['log'];
  /** The call's. */
  signal: AbortSignal;
}

/** A media leg for one call that is replaced when it dies, in the bridge too. */
async function openCallAudio({ open, record, nameOf, asterisk, log, signal }: CallAudioParts): Promise<CallAudio> {
  let { leg: inThread, media } = await openWhile(signal, (stop) => open({ signal: stop }));
  let bridging: Promise<Bridge> | undefined;
  let recording: CallRecording | undefined;

  async function reopen(stop: AbortSignal, calleeSpeaks: boolean): Promise<MediaLeg> {
    // A leg that plays nothing may still have its channel.
    void media.hangup();
    const next = await openWhile(stop, (until) => open({ signal: until, calleeSpeaks }));
    try {
      await (await bridging?.catch(() => undefined))?.add(next.media.channelId);
    } catch (error) {
      await Promise.all([next.leg.close(), next.media.hangup()]);
      throw error;
    }
    ({ leg: inThread, media } = next);
    recording?.tape(inThread);
    return inThread;
  }

  const leg = createHealingLeg({ first: inThread, reopen, logger: log, signal });
  const bridgeWith = (calleeChannelId: string) => {
    bridging = bridgeTogether(asterisk, [calleeChannelId, leg.channelId], log, nameOf('bridge'));
    return bridging;
  };
  return {
    leg,
    async join(calleeChannelId) {
      await leg.whole();
      const { channelId } = leg;
      try {
        await bridgeWith(calleeChannelId);
      } catch (error) {
        await leg.whole();
        // Unless the leg died in this very moment it was not the leg's fault.
        if (leg.channelId === channelId) throw error;
        await bridgeWith(calleeChannelId);
      }
    },
    record(path) {
      recording = record(path);
      recording.tape(inThread);
      return recording;
    },
    async add(channelId) {
      await (await bridging)?.add(channelId);
    },
    async leave() {
      await leg.close();
      await media.hangup();
    },
    async close() {
      const bridge = await bridging?.catch(() => undefined);
      await Promise.allSettled([leg.close().then(() => media.hangup()), bridge?.destroy()]);
    },
  };
}

/** The signal ends the opening, not what was opened. */
async function openWhile(signal: AbortSignal, open: (signal: AbortSignal) => Promise<Opened>): Promise<Opened> {
  signal.throwIfAborted();
  const opening = new AbortController();
  const onAbort = () => opening.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await open(opening.signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function orHangUp(media: ExternalMedia, connect: () => Promise<MediaLeg>): Promise<Opened> {
  try {
    const leg = await connect();
    await media.started();
    return { leg, media };
  } catch (error) {
    await media.hangup();
    throw error;
  }
}

/** `host:port` for Asterisk. What is advertised may bring its own port. */
function advertised(host: string, port: number): string {
  if (isIPv6(host)) return `[${host}]:${port}`;
  return /:\d+$/.test(host) ? host : `${host}:${port}`;
}
