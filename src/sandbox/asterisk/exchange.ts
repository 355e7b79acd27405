import type { People } from '../people/people.ts';
import { type Bridges, createBridges } from './bridges.ts';
import { causeTexts } from './causes.ts';
import { type Channel, type ChannelOptions, createChannel } from './channel.ts';
import type { EventHub } from './event-hub.ts';
import type { FrameClock } from './frame-clock.ts';

/** A call that went out to the far end: what the network saw. */
export interface DialRecord {
  /** Unix milliseconds. */
  at: number;
  number: string;
  channelId: string;
  callerId: string;
}

/** Why a channel ends. `request` is the ChannelHangupRequest that comes first; some ends have none. */
export interface HangUp {
  cause: number;
  techCause?: number | undefined;
  request?: { cause?: number; tech_cause?: number; soft?: boolean } | undefined;
}

/** Our own DELETE, and a dial that ran out of time. */
export const softHangup = { cause: 32, soft: true } as const;

export interface NewChannel extends Pick<ChannelOptions, 'technology' | 'name' | 'app' | 'appArgs' | 'dialString' | 'context'> {
  id?: string | undefined;
  variables: Record<string, string>;
}

export interface ExchangeOptions {
  hub: EventHub;
  clock: FrameClock;
  people: People;
}

/** The channels of the sandbox Asterisk, from create to destroyed. */
export function createExchange({ hub, clock, people }: ExchangeOptions) {
  const channels = new Map<string, Channel>();
  const dials: DialRecord[] = [];
  const bridges: Bridges = createBridges((app, event) => hub.publish(app, event));
  let serial = 0;

  function create(wanted: NewChannel): Channel | undefined {
    serial += 1;
    const id = wanted.id ?? `${Math.floor(Date.now() / 1_000)}.${serial}`;
    if (channels.has(id)) return undefined;
    const channel = createChannel({
      ...wanted,
      id,
      publish: (event) => hub.publish(wanted.app, event),
      onAbsoluteTimeout: () => destroy(channel, { cause: 16 }),
    });
    channels.set(id, channel);
    for (const [name, value] of Object.entries(wanted.variables)) channel.setVariable(name, value);
    return channel;
  }

  function enterStasis(channel: Channel) {
    if (!channels.has(channel.id)) return;
    // Nobody to hand it to: Asterisk drops it.
    if (!hub.isConnected(channel.app)) return destroy(channel, { cause: 16 });
    channel.inStasis = true;
    channel.publish('ChannelVarset', { variable: 'STASISSTATUS', value: '' });
    channel.publish('StasisStart', { args: channel.args });
  }

  function destroy(channel: Channel, end: HangUp) {
    if (channels.get(channel.id) !== channel) return;
    channels.delete(channel.id);
    channel.stopTimers();
    if (end.request) channel.publish('ChannelHangupRequest', end.request);
    bridges.leave(channel);
    if (channel.inStasis) channel.publish('StasisEnd');
    channel.publish('ChannelDestroyed', {
      cause: end.cause,
      cause_txt: causeTexts[end.cause] ?? 'Unknown',
      ...(end.techCause !== undefined && { tech_cause: end.techCause }),
    });
    channel.device?.gone();
    channel.device = undefined;
  }

  function publishDial(channel: Channel, dialstatus: string, dialstring = '') {
    hub.publish(channel.app, { type: 'Dial', dialstatus, forward: '', dialstring, peer: channel.snapshot() });
  }

  function changeState(channel: Channel, state: Channel['state'], dialstatus: string) {
    if (channels.get(channel.id) !== channel || channel.state === state) return;
    channel.state = state;
    channel.publish('ChannelStateChange');
    publishDial(channel, dialstatus, isMedia(channel) ? channel.dialString : '');
  }

  return {
    clock,
    people,
    bridges,
    dials,
    publish: hub.publish,
    get: (id: string) => channels.get(id),
    all: () => [...channels.values()],
    create,
    enterStasis,
    destroy,
    publishDial,
    changeState,

    /** Everything is gone without a word, as when the process was killed. */
    forget() {
      for (const channel of channels.values()) {
        channel.stopTimers();
        channel.device?.gone();
      }
      channels.clear();
      bridges.clear();
    },
  };
}

const isMedia = ({ technology }: Channel) => technology === 'WebSocket' || technology === 'AudioSocket';

export type Exchange = ReturnType<typeof createExchange>;
