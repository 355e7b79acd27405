import { randomUUID } from 'node:crypto';
import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
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
  /** Hangs the leg up when it aborts, e.g. the callee's `signal`. */
  signal?: AbortSignal | undefined;
}

/** The leg that carries a call's audio to and from us. */
export interface ExternalMedia {
  readonly channelId: string;
  /** To be dialled by us, within 30 s, subprotocol `media`. It is the only credential of that socket: keep it out of logs. */
  readonly mediaUrl: string;
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

/**
 * Asks Asterisk for a leg whose audio we fetch by websocket. Sent once, under an id of its own: a second request with an id in use ends Asterisk 22.10 itself.
 * Rejects with a `ServiceError`; then nothing is left behind.
 */
export async function openExternalMedia(connection: AriConnection, options: ExternalMediaOptions): Promise<ExternalMedia> {
  const { logger, sampleRate, signal } = options;
  signal?.throwIfAborted();
  const channelId = randomUUID();
  const timing = { absoluteTimeoutMs: ABSOLUTE_TIMEOUT_MS, renewEveryMs: RENEW_EVERY_MS };
  const channel = createOwnChannel({ connection, channelId, logger, ...timing });
  const onAbort = () => void channel.hangup();
  channel.asChannel.signal.addEventListener('abort', () => signal?.removeEventListener('abort', onAbort), { once: true });
  try {
    const made = await connection.externalMedia({
      channelId,
      app: connection.app,
      format: FORMATS[sampleRate],
      transport: 'websocket',
      encapsulation: 'none',
      external_host: 'INCOMING',
      connection_type: 'server',
      variables: absoluteTimeout(ABSOLUTE_TIMEOUT_MS),
    });
    signal?.throwIfAborted();
    signal?.addEventListener('abort', onAbort, { once: true });
    channel.keepAlive();
    const connectionId = made.channelvars?.[CONNECTION_ID];
    if (!connectionId) throw notAriError('channels.externalMedia', 200);
    return {
      channelId,
      mediaUrl: mediaUrl(connection.origin, connectionId),
      signal: channel.asChannel.signal,
      started: (timeoutMs = 5_000) => started(channel, timeoutMs),
      hangup: channel.asChannel.hangup,
    };
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
): Promise<Bridge> {
  const id = randomUUID();
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
  const left = new Set(channelIds);
  const unlistens = channelIds.map((channelId) =>
    connection.onChannel(channelId, (news) => {
      const gone = news.kind === 'gone' || (news.kind === 'event' && news.event.type === 'ChannelDestroyed');
      if (gone && left.delete(channelId) && left.size === 0) void destroy();
    }),
  );
  try {
    await connection.createMixingBridge(id, connection.app);
    await connection.addToBridge(id, channelIds);
    return { id, destroy };
  } catch (error) {
    if (error instanceof ServiceError && isNeverSent(error)) {
      for (const unlisten of unlistens) unlisten();
    } else await destroy();
    throw error;
  }
}
