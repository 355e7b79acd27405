import { z } from 'zod';
import { ServiceError } from '../errors.ts';
import { type AriClient, inScope } from './ari-client-hardening.ts';
import type { AriTarget } from './ari-transport.ts';
import { asteriskError, notAriError } from './asterisk-errors.ts';

const ariChannelSchema = z.object({
  id: z.string(),
  /** `Down`, `Ring`, `Ringing`, `Up` and a few more. */
  state: z.string(),
  name: z.string().optional(),
  channelvars: z.record(z.string(), z.string()).optional(),
});

/** What Asterisk says of a channel. */
export type AriChannel = z.infer<typeof ariChannelSchema>;

const anything = z.unknown();

/** The ARI operations we use. Each settles within the connection's `requestTimeoutMs`, with its answer or a `ServiceError`; none is ever repeated. */
export interface AriOperations {
  /** Asterisk's own word for itself, e.g. `22.10.1` or `GIT-master-1a2b3c`. */
  getVersion(): Promise<string>;
  /** When this Asterisk started, as it writes it. Another one than before: it has restarted, and none of its channels lives. */
  getStartupTime(): Promise<string>;
  /** Whether this module, e.g. `chan_websocket.so`, is loaded and running. */
  hasModule(name: string): Promise<boolean>;
  /** `offline`: Asterisk's own check (qualify) gets no answer; `unknown` where it doesn't look. Undefined: it knows no such endpoint. */
  endpointState(technology: string, resource: string): Promise<'online' | 'offline' | 'unknown' | undefined>;
  /** Makes a channel that is Down and in our application; sends nothing to anybody. */
  createChannel(parameters: { channelId: string; endpoint: string; app: string; variables: Record<string, string> }): Promise<AriChannel>;
  /** Sends the INVITE. Whole seconds, as ARI counts; after them Asterisk gives up with cause 19. */
  dial(channelId: string, timeoutSeconds: number): Promise<void>;
  /** `undefined` when there is no such channel (any more). */
  getChannel(channelId: string): Promise<AriChannel | undefined>;
  listChannels(): Promise<AriChannel[]>;
  /** `reason`: one of ARI's words, e.g. `normal`, `no_answer`. */
  hangup(channelId: string, reason: string): Promise<void>;
  getVariable(channelId: string, variable: string): Promise<string>;
  setVariable(channelId: string, variable: string, value: string): Promise<void>;
  /** Sounds these keys to the far end; answered at once, long before they are through. */
  sendDtmf(channelId: string, digits: string, timing: { betweenMs: number; durationMs: number }): Promise<void>;
  /** Plays media URIs, one after the other, also to a channel in a bridge. How it goes is told by playback events of this channel. */
  play(channelId: string, media: readonly string[], playbackId: string): Promise<void>;
  stopPlayback(playbackId: string): Promise<void>;
  externalMedia(parameters: ExternalMediaParameters): Promise<AriChannel>;
  createMixingBridge(bridgeId: string, name: string): Promise<void>;
  addToBridge(bridgeId: string, channelIds: readonly string[]): Promise<void>;
  listBridges(): Promise<{ id: string; channels: string[] }[]>;
  destroyBridge(bridgeId: string): Promise<void>;
  /** Events of these types are not sent to the application. Forgotten when Asterisk restarts. */
  disallowEvents(app: string, types: readonly string[]): Promise<void>;
}

export interface ExternalMediaParameters {
  channelId: string;
  app: string;
  format: string;
  transport: 'websocket' | 'tcp';
  encapsulation: 'none' | 'audiosocket';
  external_host: string;
  connection_type: 'server' | 'client';
  transport_data?: string;
  data?: string;
  variables: Record<string, string>;
}

/** `client` is asked for at each operation: until Asterisk was there once, it can't be had. */
export function createAriOperations(target: AriTarget, timeoutMs: number, client: () => AriClient | undefined): AriOperations {
  const call = async <T>(resource: string, operation: string, parameters: object, answer: z.ZodType<T>): Promise<T> => {
    const what = `${resource}.${operation}`;
    const loaded = client();
    if (!loaded) throw asteriskError(`Asterisk has not been reached yet: ${what} can't be sent`, 'event-socket-down', 'transient');
    const run = loaded[resource]?.[operation];
    if (!run) throw asteriskError(`This Asterisk does not offer ${what}: version 22.8 or newer is needed`, 'not-offered', 'permanent');
    const parsed = answer.safeParse(await inScope(target, timeoutMs, what, () => run(parameters)));
    if (!parsed.success) throw notAriError(what, 200, parsed.error);
    return parsed.data;
  };

  return {
    getVersion: async () =>
      (await call('asterisk', 'getInfo', { only: 'system' }, z.object({ system: z.object({ version: z.string() }) }))).system.version,
    getStartupTime: async () =>
      (await call('asterisk', 'getInfo', { only: 'status' }, z.object({ status: z.object({ startup_time: z.string() }) }))).status
        .startup_time,
    hasModule: async (moduleName) => {
      const module = await undefinedIfGone(call('asterisk', 'getModule', { moduleName }, z.object({ status: z.string().optional() })));
      return module !== undefined && module.status !== 'Not Running';
    },
    endpointState: async (tech, resource) => {
      const answer = z.object({ state: z.enum(['online', 'offline', 'unknown']).catch('unknown') });
      return (await undefinedIfGone(call('endpoints', 'get', { tech, resource }, answer)))?.state;
    },
    createChannel: (parameters) => call('channels', 'create', parameters, ariChannelSchema),
    dial: async (channelId, timeout) => void (await call('channels', 'dial', { channelId, timeout }, anything)),
    getChannel: (channelId) => undefinedIfGone(call('channels', 'get', { channelId }, ariChannelSchema)),
    listChannels: () => call('channels', 'list', {}, z.array(ariChannelSchema)),
    hangup: async (channelId, reason) => void (await call('channels', 'hangup', { channelId, reason }, anything)),
    getVariable: async (channelId, variable) =>
      (await call('channels', 'getChannelVar', { channelId, variable }, z.object({ value: z.string() }))).value,
    setVariable: async (channelId, variable, value) =>
      void (await call('channels', 'setChannelVar', { channelId, variable, value }, anything)),
    sendDtmf: async (channelId, dtmf, { betweenMs: between, durationMs: duration }) =>
      void (await call('channels', 'sendDTMF', { channelId, dtmf, between, duration }, anything)),
    play: async (channelId, media, playbackId) =>
      void (await call('channels', 'play', { channelId, media: media.join(','), playbackId }, anything)),
    stopPlayback: async (playbackId) => void (await call('playbacks', 'stop', { playbackId }, anything)),
    externalMedia: (parameters) => call('channels', 'externalMedia', parameters, ariChannelSchema),
    createMixingBridge: async (bridgeId, name) => void (await call('bridges', 'create', { bridgeId, name, type: MIXING }, anything)),
    addToBridge: async (bridgeId, channelIds) =>
      void (await call('bridges', 'addChannel', { bridgeId, channel: channelIds.join(',') }, anything)),
    listBridges: () => call('bridges', 'list', {}, z.array(z.object({ id: z.string(), channels: z.array(z.string()) }))),
    destroyBridge: async (bridgeId) => void (await call('bridges', 'destroy', { bridgeId }, anything)),
    disallowEvents: async (applicationName, types) =>
      void (await call('applications', 'filter', { applicationName, filter: { disallowed: types.map((type) => ({ type })) } }, anything)),
  };
}

/**
 * `proxy_media`: two phones of one trunk would else be joined by `native_rtp`, packet by packet and past the mixing.
 * Tried on Asterisk 22.10.1: on a busy machine four of five callees that were put through then heard nothing of their colleague.
 */
const MIXING = 'mixing,proxy_media';

/** True for an error that says: there is no such thing. */
export function isGone(error: unknown): boolean {
  return error instanceof ServiceError && error.status === 404;
}

async function undefinedIfGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
