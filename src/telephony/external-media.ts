import { randomUUID } from 'node:crypto';
import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import type { AriChannel, ExternalMediaParameters } from './ari-operations.ts';
import { asteriskError, isNeverSent, notAriError } from './asterisk-errors.ts';
import { ABSOLUTE_TIMEOUT_MS, absoluteTimeout, RENEW_EVERY_MS } from './dead-mans-switch.ts';
import { createOwnChannel, type OwnChannel } from './own-channel.ts';
import { removeUntilGone } from './remove-until-gone.ts';
import { waitFor } from './wait-for.ts';

/** Asterisk's names for signed linear audio, by hertz. */
const FORMATS = { 8000: 'slin', 16000: 'slin16', 24000: 'slin24' } as const;

/** Where Asterisk says under which name the media websocket waits. */
const CONNECTION_ID = 'MEDIA_WEBSOCKET_CONNECTION_ID';

export interface ExternalMediaOptions {
  sampleRate: keyof typeof FORMATS;
  logger: Pick<Logger, 'warn' | 'error'>;
  /** What its channel's name begins with; a fresh UUID follows. */
  idPrefix?: string | undefined;
  /** Hangs the leg up when it aborts, e.g. the callee's `signal`. */
  signal?: AbortSignal | undefined;
}

/** The leg that carries a call's audio to and from us. */
export interface ExternalMedia {
  readonly channelId: string;
  /** Aborts when the leg is gone, for whatever reason. */
  readonly signal: AbortSignal;
  /**
   * Resolves when it may be put into a bridge: Asterisk says so after the media socket has been connected, not before. Rejects with a `ServiceError`
   * when it is gone first or after `timeoutMs`.
   */
  started(timeoutMs?: number): Promise<void>;
  /** Never rejects. */
  hangup(): Promise<void>;
}

export interface WebsocketMedia extends ExternalMedia {
  /** To be dialled by us, within 30 s, subprotocol `media`. It is the only credential of that socket: keep it out of logs. */
  readonly mediaUrl: string;
}

/**
 * Asks Asterisk for a leg whose audio we fetch by websocket. Sent once, under an id of its own: a second request with an id in use ends Asterisk 22.10 itself.
 * Rejects with a `ServiceError`; then nothing is left behind.
 */
export async function openExternalMedia(connection: AriConnection, options: ExternalMediaOptions): Promise<WebsocketMedia> {
  const wanted = { transport: 'websocket', encapsulation: 'none', external_host: 'INCOMING', connection_type: 'server' } as const;
  const { media, made } = await openMedia(connection, `${options.idPrefix ?? ''}${randomUUID()}`, wanted, options);
  const connectionId = made.channelvars?.[CONNECTION_ID];
  if (connectionId) return { ...media, mediaUrl: mediaUrl(connection.origin, connectionId) };
  await media.hangup();
  throw notAriError('channels.externalMedia', 200);
}

export interface AudioSocketMediaOptions extends ExternalMediaOptions {
  /** A fresh UUID. Chosen by the caller, who listens to it before anything is asked. */
  channelId: string;
  /** `host:port` of ours that Asterisk is to connect to. */
  address: string;
  /** A fresh UUID by which we know the connection. The only credential: keep it out of logs. */
  connectionId: string;
}

/**
 * Asks Asterisk for a leg that it brings to us by AudioSocket; it is connected when this resolves. Sent once.
 * Rejects with a `ServiceError`; then nothing is left behind. Asterisk says 500 when it can't connect: at once when refused, after 2 s when nobody answers.
 */
export async function openAudioSocketMedia(connection: AriConnection, options: AudioSocketMediaOptions): Promise<ExternalMedia> {
  const { channelId, address, connectionId } = options;
  const wanted = {
    transport: 'tcp',
    encapsulation: 'audiosocket',
    external_host: address,
    connection_type: 'client',
    data: connectionId,
  } as const;
  return (await openMedia(connection, channelId, wanted, options)).media;
}

type Transport = Pick<ExternalMediaParameters, 'transport' | 'encapsulation' | 'external_host' | 'connection_type' | 'data'>;

async function openMedia(
  connection: AriConnection,
  channelId: string,
  transport: Transport,
  { logger, sampleRate, signal }: ExternalMediaOptions,
): Promise<{ media: ExternalMedia; made: AriChannel }> {
  signal?.throwIfAborted();
  const timing = { absoluteTimeoutMs: ABSOLUTE_TIMEOUT_MS, renewEveryMs: RENEW_EVERY_MS };
  const channel = createOwnChannel({ connection, channelId, logger, ...timing });
  const onAbort = () => void channel.hangup();
  channel.asChannel.signal.addEventListener('abort', () => signal?.removeEventListener('abort', onAbort), { once: true });
  try {
    const made = await connection.externalMedia({
      channelId,
      app: connection.app,
      format: FORMATS[sampleRate],
      ...transport,
      variables: absoluteTimeout(ABSOLUTE_TIMEOUT_MS),
    });
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    channel.keepAlive();
    const media = {
      channelId,
      signal: channel.asChannel.signal,
      started: (timeoutMs = 5_000) => started(channel, timeoutMs),
      hangup: channel.asChannel.hangup,
    };
    return { media, made };
  } catch (error) {
    if (error instanceof ServiceError && isNeverSent(error)) channel.discard();
    await channel.hangup();
    throw error;
  }
}

function mediaUrl(origin: string, connectionId: string): string {
  return `${origin.replace(/^http/, 'ws')}/media/${encodeURIComponent(connectionId)}`;
}

async function started(channel: OwnChannel, timeoutMs: number): Promise<void> {
  await waitFor(channel.enteredOrEnded, { timeoutMs });
  if (channel.phase === 'ended') throw asteriskError('The media leg was gone before it could be used', 'media-leg-gone', 'transient');
  if (!channel.entered) throw asteriskError(`The media leg did not start within ${timeoutMs} ms`, 'no-stasis-start', 'transient');
}

export interface Bridge {
  readonly id: string;
  /** One more, e.g. in the place of one that is gone. Rejects with a `ServiceError`. */
  add(channelId: string): Promise<void>;
  /** Also happens by itself when every channel in it is gone: Asterisk keeps empty bridges for ever. Never rejects. */
  destroy(): Promise<void>;
}

/**
 * Lets these channels hear each other. All must have entered our application. Rejects with a `ServiceError`; then no bridge is left behind, the channels are as
 * they were.
 */
export async function bridgeTogether(
  connection: AriConnection,
  channelIds: readonly string[],
  logger: Pick<Logger, 'error'>,
  idPrefix = '',
): Promise<Bridge> {
  const id = `${idPrefix}${randomUUID()}`;
  let destroying: Promise<void> | undefined;
  const remove = async () => {
    for (const unlisten of unlistens) unlisten();
    const removed = await removeUntilGone(() => connection.destroyBridge(id), 2 * ABSOLUTE_TIMEOUT_MS);
    if (removed === 'unconfirmed') logger.error({ bridgeId: id }, 'Asterisk did not confirm that a bridge is gone');
  };
  const destroy = () => {
    destroying ??= remove();
    return destroying;
  };
  const left = new Set<string>();
  const unlistens: (() => void)[] = [];
  const watch = (channelId: string) => {
    left.add(channelId);
    const unlisten = connection.onChannel(channelId, (news) => {
      const gone = news.kind === 'gone' || (news.kind === 'event' && news.event.type === 'ChannelDestroyed');
      if (gone && left.delete(channelId) && left.size === 0) void destroy();
    });
    unlistens.push(unlisten);
  };
  for (const channelId of channelIds) watch(channelId);
  const add = async (channelId: string) => {
    if (destroying) throw asteriskError('The bridge of this call is gone', 'bridge-gone', 'permanent');
    watch(channelId);
    await connection.addToBridge(id, [channelId]);
  };
  try {
    await connection.createMixingBridge(id, connection.app);
    await connection.addToBridge(id, channelIds);
    return { id, add, destroy };
  } catch (error) {
    if (error instanceof ServiceError && isNeverSent(error)) {
      for (const unlisten of unlistens) unlisten();
    } else await destroy();
    throw error;
  }
}
