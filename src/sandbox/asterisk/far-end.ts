import type { Persona } from '../people/persona.ts';
import { sipStatuses } from './causes.ts';
import type { Channel } from './channel.ts';
import { type Exchange, softHangup } from './exchange.ts';

/** Telephony's own: people on the phone hear no more, whatever we send. Hertz. */
const phoneRate = 8_000;
/** What a real carrier on loopback took to answer an INVITE. */
const networkMs = 5;

const causes = { busy: 17, rejects: 21, 'invalid-number': 1, congestion: 34 } as const;

function refuse(exchange: Exchange, channel: Channel, cause: number) {
  const techCause = channel.technology === 'PJSIP' ? sipStatuses[cause] : undefined;
  const request = { cause, ...(techCause !== undefined && { tech_cause: techCause }) };
  exchange.destroy(channel, { cause, techCause, request });
}

function pickUp(exchange: Exchange, channel: Channel, persona: Persona) {
  const { bridges, clock } = exchange;
  const person = exchange.people.pickUp(persona, {
    sampleRate: phoneRate,
    send: (frame) => bridges.relay(channel, frame),
    hangUp: (cause = 16) => exchange.destroy(channel, { cause, request: {} }),
    dtmf(digit) {
      bridges.relayDtmf(channel, digit);
      channel.publish('ChannelDtmfReceived', { digit, duration_ms: 120 });
    },
  });
  const stopClock = clock.onFrame(() => person.tick());
  channel.device = {
    sampleRate: phoneRate,
    hear: (frame) => person.hear(frame),
    dtmf: (digit) => person.keyHeard(digit),
    gone() {
      stopClock();
      person.ended();
    },
  };
  exchange.changeState(channel, 'Up', 'ANSWER');
  person.answered();
}

/** Asterisk's own end of a dial: its time is up. */
export function ringOut(exchange: Exchange, channel: Channel, timeoutMs: number) {
  const techCause = channel.technology === 'PJSIP' ? sipStatuses[19] : undefined;
  return channel.after(timeoutMs, () => exchange.destroy(channel, { cause: 19, techCause, request: softHangup }));
}

/** The INVITE has gone out: what the far end does about it. `timeoutMs` 0 rings for ever. */
export function ringFarEnd(exchange: Exchange, channel: Channel, persona: Persona | undefined, timeoutMs: number) {
  const ring = () => exchange.changeState(channel, 'Ringing', 'RINGING');
  const giveUp = timeoutMs ? ringOut(exchange, channel, timeoutMs) : undefined;

  if (!persona) return void channel.after(networkMs, () => refuse(exchange, channel, 1));
  const { picksUp, ringMs } = persona;
  switch (picksUp) {
    case 'answers':
    case 'answering-machine':
      channel.after(networkMs, ring);
      channel.after(networkMs + ringMs, () => {
        channel.cancel(giveUp);
        pickUp(exchange, channel, persona);
      });
      return;
    case 'no-answer':
      channel.after(networkMs, ring);
      return;
    case 'rejects':
      channel.after(networkMs, ring);
      channel.after(networkMs + ringMs, () => refuse(exchange, channel, causes[picksUp]));
      return;
    case 'busy':
    case 'invalid-number':
    case 'congestion':
      channel.after(networkMs + ringMs, () => refuse(exchange, channel, causes[picksUp]));
      return;
    default:
      return picksUp satisfies never;
  }
}
