import { randomUUID } from 'node:crypto';
import type { AriConnection } from './ari-connection.ts';
import { waitFor } from './wait-for.ts';

export interface SoundRequest {
  connection: Pick<AriConnection, 'play' | 'stopPlayback' | 'onChannel'>;
  channelId: string;
  media: readonly string[];
  /** Aborts when the channel is gone, or nobody is to listen any more. */
  signal: AbortSignal;
}

/** Resolves with whether Asterisk played it all to its end. Rejects with a `ServiceError` when it doesn't take the request. */
export async function playSound({ connection, channelId, media, signal }: SoundRequest): Promise<boolean> {
  const id = randomUUID();
  const { promise: finished, resolve } = Promise.withResolvers<void>();
  let played = false;
  // Before the request: of a sound that Asterisk hasn't got, the end may be faster than the answer.
  const unlisten = connection.onChannel(channelId, (news) => {
    if (news.kind !== 'event' || news.event.type !== 'PlaybackFinished' || news.event.playback?.id !== id) return;
    played = news.event.playback.state === 'done';
    resolve();
  });
  try {
    await connection.play(channelId, media, id);
    await waitFor(finished, { signal });
    if (!signal.aborted) return played;
    await connection.stopPlayback(id).catch(() => {});
    return false;
  } finally {
    unlisten();
  }
}
