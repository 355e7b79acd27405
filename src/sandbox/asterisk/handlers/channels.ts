import { hangupReasons, sipStatuses } from '../causes.ts';
import type { Channel } from '../channel.ts';
import { type Exchange, softHangup } from '../exchange.ts';
import { ringFarEnd, ringOut } from '../far-end.ts';
import { createChannel } from './create-channel.ts';
import { createExternalMedia } from './create-external-media.ts';
import {
  type AriAnswer,
  type AriHandler,
  type AriRequest,
  done,
  type HandlerOptions,
  noChannel,
  notInStasis,
  ok,
  refused,
} from './handler.ts';

export function channelHandlers(options: HandlerOptions): Record<string, AriHandler> {
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
