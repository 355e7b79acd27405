import type { AudioSocketLegs } from './audiosocket-legs.ts';
import { hangupReasons, sipStatuses } from './causes.ts';
import type { Channel } from './channel.ts';
import { ariTimestamp, asteriskId, type EventHub } from './event-hub.ts';
import { type Exchange, softHangup } from './exchange.ts';
import { ringFarEnd, ringOut } from './far-end.ts';
import { type MediaLegs, mediaFormats } from './media-legs.ts';
import type { Playbacks } from './playbacks.ts';

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

const ok = (body: unknown): AriAnswer => ({ status: 200, body });
const done: AriAnswer = { status: 204 };
const refused = (status: number, message: string): AriAnswer => ({ status, body: { message } });
const noChannel = refused(404, 'Channel not found');
const noBridge = refused(404, 'Bridge not found');
const notInStasis = (status: number) => refused(status, 'Channel not in Stasis application');

/** Each operation by `resource.nickname`. Statuses and messages are those of Asterisk 22.10. */
export function createHandlers(options: HandlerOptions): Record<string, AriHandler> {
  return { ...generalHandlers(options), ...channelHandlers(options), ...bridgeHandlers(options) };
}

function generalHandlers({
  hub,
  exchange,
  playbacks,
  endpoints,
  refusals,
  version,
  startedAt,
  modules,
}: HandlerOptions): Record<string, AriHandler> {
  const describeApplication = (name: string) => {
    const application = hub.find(name);
    const channels = exchange.all().filter((channel) => channel.app === name);
    return (
      application && {
        name,
        channel_ids: channels.map((channel) => channel.id),
        bridge_ids: [...new Set(channels.flatMap((channel) => channel.bridgeId ?? []))],
        endpoint_ids: [],
        events_allowed: application.allowed,
        events_disallowed: application.disallowed,
      }
    );
  };
  const describeEndpoint = (endpoint: string) => {
    const [technology = '', resource = ''] = endpoint.split('/');
    const of = exchange.all().filter((channel) => channel.name.startsWith(`${technology}/${resource}-`));
    const state = refusals.get(endpoint) === 'offline' ? 'offline' : 'online';
    return { technology, resource, state, channel_ids: of.map((channel) => channel.id) };
  };
  const sip = endpoints.filter((endpoint) => endpoint.startsWith('PJSIP/'));

  return {
    'asterisk.ping': () => ok({ ping: 'pong', timestamp: ariTimestamp(), asterisk_id: asteriskId }),
    'asterisk.getInfo': () =>
      ok({
        build: { os: 'Linux', kernel: 'unknown', machine: 'unknown', options: '', date: '2026-07-20 00:00:00 UTC', user: 'sandbox' },
        system: { version, entity_id: asteriskId },
        config: { name: '', default_language: 'en', setid: { user: '', group: '' } },
        status: { startup_time: startedAt(), last_reload_time: startedAt() },
      }),
    'asterisk.getModule': ({ params: { moduleName: name = '' } }) =>
      modules.includes(name)
        ? ok({ name, description: name, use_count: 0, status: 'Running', support_level: 'core' })
        : refused(404, 'Module could not be found in running modules'),
    'applications.list': () => ok(hub.all().map(({ name }) => describeApplication(name))),
    'applications.get': ({ params }) => {
      const application = describeApplication(params.applicationName ?? '');
      return application ? ok(application) : refused(404, 'Application not found');
    },
    'applications.filter': ({ params, body }) => {
      const application = hub.find(params.applicationName ?? '');
      if (!application) return refused(404, 'Application not found');
      // The filter may stand in the body by itself or, as ari-client sends it, under its parameter's name.
      const filter = asRecord(body.filter) ?? body;
      application.allowed = asTypes(filter.allowed);
      application.disallowed = asTypes(filter.disallowed);
      return ok(describeApplication(application.name));
    },
    'endpoints.list': () => ok(sip.map(describeEndpoint)),
    'endpoints.get': ({ params }) => {
      const endpoint = `${params.tech}/${params.resource}`;
      return sip.includes(endpoint) ? ok(describeEndpoint(endpoint)) : refused(404, 'Endpoint not found');
    },
    'playbacks.get': ({ params }) => {
      const playback = playbacks.get(params.playbackId ?? '');
      return playback ? ok(playback) : refused(404, 'Playback not found');
    },
    'playbacks.stop': ({ params }) => (playbacks.stop(params.playbackId ?? '') ? done : refused(404, 'Playback not found')),
  };
}

function channelHandlers(options: HandlerOptions): Record<string, AriHandler> {
  const { exchange } = options;
  const withChannel =
    (handle: (channel: Channel, request: AriRequest) => AriAnswer): ((request: AriRequest) => AriAnswer) =>
    (request) => {
      const channel = exchange.get(request.params.channelId ?? '');
      return channel ? handle(channel, request) : noChannel;
    };

  return {
    'channels.list': () => ok(exchange.all().map((channel) => channel.snapshot())),
    'channels.create': (request) => createChannel(options, request),
    'channels.externalMedia': (request) => createExternalMedia(options, request),
    'channels.get': withChannel((channel) => ok(channel.snapshot())),
    'channels.dial': withChannel((channel, { params }) => dial(options, channel, Number(params.timeout ?? 0))),
    'channels.hangup': withChannel((channel, { params }) => hangup(exchange, channel, params)),
    'channels.answer': withChannel((channel) => (channel.inStasis ? done : notInStasis(409))),
    'channels.play': withChannel((channel, { params }) =>
      channel.inStasis ? { status: 201, body: options.playbacks.play(channel, params.media ?? '', params.playbackId) } : notInStasis(409),
    ),
    'channels.sendDTMF': withChannel((channel, { params }) => {
      if (params.dtmf === undefined) return refused(400, 'DTMF is required');
      if (!channel.inStasis) return notInStasis(409);
      pressKeys(channel, params);
      return done;
    }),
    'channels.getChannelVar': ({ params }) => {
      const channel = exchange.get(params.channelId ?? '');
      if (!channel) return refused(404, 'Provided channel was not found');
      const value = channel.getVariable(params.variable ?? '');
      return value === undefined ? refused(404, 'Provided variable was not found') : ok({ value });
    },
    'channels.setChannelVar': withChannel((channel, { params }) => {
      channel.setVariable(params.variable ?? '', params.value ?? '');
      return done;
    }),
  };
}

/** `PJSIP/<number>@<trunk>` or `Local/<extension>@<context>`. */
const dialStringPattern = /^(PJSIP|Local)\/([^@/]+)@([^@/]+)$/;
let channelSerial = 0;

function createChannel({ exchange, endpoints, refusals, stasisDelayMs }: HandlerOptions, { params, body }: AriRequest): AriAnswer {
  const [, technology, , place] = dialStringPattern.exec(params.endpoint ?? '') ?? [];
  const endpoint = `${technology}/${place}`;
  if ((technology !== 'PJSIP' && technology !== 'Local') || !endpoints.includes(endpoint) || refusals.get(endpoint) === 'offline') {
    // The real one says `error` here, and only here.
    return { status: 500, body: { error: 'Allocation failed' } };
  }
  const dialString = (params.endpoint ?? '').slice(technology.length + 1);
  const serial = (channelSerial++).toString(16).padStart(8, '0');
  const channel = exchange.create({
    id: params.channelId,
    technology,
    name: technology === 'PJSIP' ? `PJSIP/${place}-${serial}` : `Local/${dialString}-${serial};1`,
    app: params.app ?? '',
    appArgs: params.appArgs ?? '',
    dialString,
    context: technology === 'PJSIP' ? 'from-trunk' : (place ?? ''),
    variables: asStrings(body.variables),
  });
  if (!channel) return refused(409, 'Channel with given unique ID already exists');
  channel.after(stasisDelayMs, () => exchange.enterStasis(channel));
  return ok(channel.snapshot());
}

const internalError = refused(500, 'An internal error prevented this request from being handled');

function createExternalMedia(options: HandlerOptions, request: AriRequest): AriAnswer | Promise<AriAnswer> {
  const { exchange, legs, modules, onCrash } = options;
  const { params, body } = request;
  if (params.transport !== 'websocket') return createAudioSocket(options, request);
  if (!modules.includes('chan_websocket.so')) return internalError;
  if (params.external_host !== 'INCOMING' || !Object.hasOwn(mediaFormats, params.format ?? '')) {
    return refused(400, 'external_host must be a valid websocket_client connection id.');
  }
  if (params.channelId !== undefined && exchange.get(params.channelId)) {
    onCrash();
    return { status: 500 };
  }
  const wanted = { id: params.channelId, app: params.app ?? '', variables: asStrings(body.variables) };
  return ok(legs.create(wanted, params.format ?? ''));
}

/** Asterisk connects to us before it answers. */
async function createAudioSocket({ exchange, audioSockets, modules }: HandlerOptions, { params, body }: AriRequest): Promise<AriAnswer> {
  const { external_host: address = '', data = '', format = '', channelId } = params;
  if (!/:\d+$/.test(address)) return refused(400, 'external_host must be <host>:<port> for all transports other than websocket');
  if (params.connection_type === 'server') return refused(400, "'server' connection_type can only be used with the websocket transport");
  if (data === '') return refused(400, 'data can not be empty');
  const served = params.transport === 'tcp' && params.encapsulation === 'audiosocket' && modules.includes('chan_audiosocket.so');
  if (!served || !Object.hasOwn(mediaFormats, format)) return internalError;
  if (channelId !== undefined && exchange.get(channelId)) return refused(409, 'Channel with given unique ID already exists');
  const wanted = { id: channelId, app: params.app ?? '', variables: asStrings(body.variables) };
  const made = await audioSockets.create(wanted, format, address, data);
  return made ? ok(made) : internalError;
}

/** One after the other, as Asterisk times them; `w` waits for half a second, and what is no key is passed over without a word. */
function pressKeys(channel: Channel, { dtmf = '', between = '100', duration = '100' }: Record<string, string>): void {
  let atMs = 0;
  for (const key of dtmf) {
    if (key === 'w') atMs += 500;
    if (!/[0-9*#A-D]/.test(key)) continue;
    atMs += Number(duration);
    channel.after(atMs, () => channel.device?.dtmf?.(key));
    atMs += Number(between);
  }
}

/** What a carrier takes to say no. */
const REFUSAL_MS = 5;

function dial({ exchange, refusals }: HandlerOptions, channel: Channel, timeoutS: number): AriAnswer {
  if (!channel.inStasis) return notInStasis(409);
  if (channel.state !== 'Down') return refused(409, "Channel is not in the 'Down' state");
  if (channel.dialled) {
    // A second dial before the phone rings is taken, and ends the call.
    exchange.destroy(channel, { cause: 16, request: softHangup });
    return done;
  }
  channel.dialled = true;
  const number = channel.dialString.slice(0, channel.dialString.indexOf('@'));
  exchange.dials.push({ at: Date.now(), number, channelId: channel.id, callerId: channel.callerNumber });
  exchange.publishDial(channel, '', channel.dialString);
  const refusal = refusals.get(`${channel.technology}/${channel.dialString.slice(number.length + 1)}`);
  if (refusal === 'silent') ringOut(exchange, channel, timeoutS * 1_000);
  if (typeof refusal === 'object') {
    const { cause, sipStatus: techCause } = refusal;
    channel.after(REFUSAL_MS, () => exchange.destroy(channel, { cause, techCause, request: { cause, tech_cause: techCause } }));
  }
  if (refusal !== undefined) return done;
  const persona = exchange.people.byNumber(number) ?? exchange.people.byNumber(`+${number}`);
  ringFarEnd(exchange, channel, persona, Math.max(0, timeoutS) * 1_000);
  return done;
}

function hangup(exchange: Exchange, channel: Channel, { reason_code: code, reason = 'normal' }: Record<string, string>): AriAnswer {
  const cause = code === undefined ? hangupReasons[reason] : Number(code);
  if (cause === undefined || !Number.isInteger(cause)) return refused(400, 'Invalid reason for hangup reason provided');
  const sip = channel.technology === 'PJSIP' && channel.state !== 'Up';
  // A SIP channel that never sent its INVITE says 603 of itself.
  const techCause = sip ? (channel.dialled ? sipStatuses[cause] : 603) : undefined;
  exchange.destroy(channel, { cause, techCause, request: softHangup });
  return done;
}

function bridgeHandlers({ exchange }: HandlerOptions): Record<string, AriHandler> {
  const { bridges } = exchange;
  const create: AriHandler = ({ params }) => {
    const bridge = bridges.create({ id: params.bridgeId, name: params.name });
    return bridge ? ok(bridge) : refused(409, `Bridge with id '${params.bridgeId}' already exists`);
  };
  /** Every channel named is looked at before any is moved. */
  const move =
    (change: (bridgeId: string, channel: Channel) => void): AriHandler =>
    ({ params }) => {
      const { bridgeId = '', channel: named = '' } = params;
      if (!bridges.has(bridgeId)) return noBridge;
      const channels = named.split(',').map((id) => exchange.get(id));
      const found = channels.filter((channel) => channel !== undefined);
      if (found.length < channels.length) return refused(400, 'Channel not found');
      if (found.some((channel) => !channel.inStasis)) return notInStasis(422);
      for (const channel of found) change(bridgeId, channel);
      return done;
    };

  return {
    'bridges.list': () => ok(bridges.all()),
    'bridges.create': create,
    'bridges.createWithId': create,
    'bridges.get': ({ params }) => {
      const bridge = bridges.get(params.bridgeId ?? '');
      return bridge ? ok(bridge) : noBridge;
    },
    'bridges.destroy': ({ params }) => (bridges.destroy(params.bridgeId ?? '') ? done : noBridge),
    'bridges.addChannel': move((bridgeId, channel) => bridges.enter(bridgeId, channel)),
    'bridges.removeChannel': (request) => {
      const inside = (request.params.channel ?? '').split(',').every((id) => {
        const channel = exchange.get(id);
        return !channel?.inStasis || channel.bridgeId === request.params.bridgeId;
      });
      if (bridges.has(request.params.bridgeId ?? '') && !inside) return refused(422, 'Channel not in this bridge');
      return move((_, channel) => bridges.leave(channel))(request);
    },
  };
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

function asStrings(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(asRecord(value) ?? {}).map(([name, item]) => [name, String(item)]));
}

function asTypes(value: unknown): { type: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const type = asRecord(item)?.type;
    return typeof type === 'string' ? [{ type }] : [];
  });
}
