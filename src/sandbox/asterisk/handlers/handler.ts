import type { AudioSocketLegs } from '../audiosocket-legs.ts';
import type { EventHub } from '../event-hub.ts';
import type { Exchange } from '../exchange.ts';
import type { MediaLegs } from '../media-legs.ts';
import type { Playbacks } from '../playbacks.ts';

export interface AriRequest {
  /** From the path, the query and the top level of the JSON body; the earlier ones win. */
  params: Record<string, string>;
  /** Members of the body that are objects or lists. */
  body: Record<string, unknown>;
}

export interface AriAnswer {
  status: number;
  body?: unknown;
}

export type AriHandler = (request: AriRequest) => AriAnswer | Promise<AriAnswer>;

/** What a trunk says to every call: a Q.850 number, and the SIP status that it came from; or nothing at all. Offline: Asterisk knows, and makes no channel. */
export type TrunkRefusal = { cause: number; sipStatus: number } | 'silent' | 'offline';

export interface HandlerOptions {
  hub: EventHub;
  exchange: Exchange;
  legs: MediaLegs;
  audioSockets: AudioSocketLegs;
  playbacks: Playbacks;
  /** `tech/name` of what can be dialled: a SIP trunk, or a dialplan context for Local. */
  endpoints: readonly string[];
  /** Trunks that refuse everything, by endpoint. */
  refusals: ReadonlyMap<string, TrunkRefusal>;
  /** Between create and StasisStart. Milliseconds. */
  stasisDelayMs: number;
  /** What `asterisk/info` says. */
  version: string;
  /** When it last started, as ARI writes it. */
  startedAt: () => string;
  /** Loaded modules, e.g. `chan_websocket.so`. */
  modules: readonly string[];
  /** Something that kills Asterisk 22.10. */
  onCrash: () => void;
}

export const ok = (body: unknown): AriAnswer => ({ status: 200, body });
export const done: AriAnswer = { status: 204 };
export const refused = (status: number, message: string): AriAnswer => ({ status, body: { message } });
export const noChannel = refused(404, 'Channel not found');
export const notInStasis = (status: number) => refused(status, 'Channel not in Stasis application');

export function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

export function asStrings(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(asRecord(value) ?? {}).map(([name, item]) => [name, String(item)]));
}
