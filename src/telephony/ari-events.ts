import { z } from 'zod';
import type { AriChannel } from './ari-operations.ts';

const channelOfEvent = z.object({ id: z.string(), state: z.string() });

/** The members that we read, of the events that we know. Asterisk sends more of both. */
const ariEventSchema = z.object({
  type: z.string(),
  application: z.string().optional(),
  channel: channelOfEvent.optional(),
  /** `Dial`: the channel that is being dialled. */
  peer: channelOfEvent.optional(),
  /** `Dial`: empty when it begins, then `RINGING`, `PROGRESS`, `ANSWER` … Why a dial failed it doesn't tell; `cause` does. */
  dialstatus: z.string().optional(),
  /** `ChannelDestroyed`, `ChannelHangupRequest`: the Q.850 number. */
  cause: z.number().optional(),
  /** `ChannelHangupRequest`: true when it came from this side (ARI, a timeout) and not from the far end. */
  soft: z.boolean().optional(),
  /** `ChannelDestroyed`: the SIP status. Asterisk 22 and later, off-nominal ends only. */
  tech_cause: z.number().optional(),
  digit: z.string().optional(),
  /** `PlaybackStarted` and the like. What it is played to is written `channel:<id>`. State: `playing`, `done`, `failed` … */
  playback: z.object({ id: z.string(), target_uri: z.string(), state: z.string() }).optional(),
});

export type AriEvent = z.infer<typeof ariEventSchema>;

/** What one hears of a channel. */
export type ChannelNews =
  | { kind: 'event'; event: AriEvent }
  /** The event socket was away and is back: this is how things stand; what happened meanwhile is not told. */
  | { kind: 'read-back'; channel: AriChannel }
  /** The event socket is back, and the channel is gone: it ended unheard; cut off, where Asterisk has restarted. */
  | { kind: 'gone'; restarted: boolean };

export type ChannelListener = (news: ChannelNews) => void;

/** `undefined` for what is not an event: malformed JSON, or JSON of another shape. */
export function parseAriEvent(text: string): AriEvent | undefined {
  try {
    return ariEventSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export interface EventRouter {
  /** Exactly this id: the other half of a Local channel (`<id>;2`) has its own. Returns the unsubscribe function. */
  listen(channelId: string, listener: ChannelListener): () => void;
  /** A channel's last event also ends its subscriptions. */
  route(event: AriEvent): void;
  tell(channelId: string, news: Exclude<ChannelNews, { kind: 'event' }>): void;
  /** The ids somebody listens to. */
  ids(): string[];
}

/** Brings events to those who wait for them. `onThrow` hears of a listener that threw: it must not hurt the others. */
export function createEventRouter(onThrow: (error: unknown) => void): EventRouter {
  const listeners = new Map<string, Set<ChannelListener>>();

  const deliver = (channelId: string, news: ChannelNews) => {
    for (const listener of [...(listeners.get(channelId) ?? [])]) {
      try {
        listener(news);
      } catch (error) {
        onThrow(error);
      }
    }
  };

  return {
    listen(channelId, listener) {
      const here = listeners.get(channelId) ?? new Set();
      listeners.set(channelId, here.add(listener));
      return () => {
        here.delete(listener);
        if (here.size === 0 && listeners.get(channelId) === here) listeners.delete(channelId);
      };
    },
    route(event) {
      const listened = /^channel:(.*)$/s.exec(event.playback?.target_uri ?? '')?.[1];
      for (const id of new Set([event.channel?.id, event.peer?.id, listened])) if (id !== undefined) deliver(id, { kind: 'event', event });
      if (event.type === 'ChannelDestroyed' && event.channel) listeners.delete(event.channel.id);
    },
    tell(channelId, news) {
      deliver(channelId, news);
      if (news.kind === 'gone') listeners.delete(channelId);
    },
    ids: () => [...listeners.keys()],
  };
}
