import type { Channel } from './channel.ts';
import { type AriEvent, ariTimestamp } from './event-hub.ts';
import { createResampler } from './resampler.ts';

type Resampler = ReturnType<typeof createResampler>;

interface Bridge {
  id: string;
  name: string;
  /** What it was asked to be: `mixing`, and perhaps `proxy_media`. */
  type: string;
  createdAt: string;
  /** The newest first, as Asterisk lists them. */
  channels: Channel[];
  apps: Set<string>;
  /** One a direction, kept while both are in. */
  resamplers: Map<string, Resampler>;
}

interface BridgeWish {
  id?: string | undefined;
  name?: string | undefined;
  type?: string | undefined;
}

function snapshot(bridge: Bridge) {
  return {
    id: bridge.id,
    technology: technologyOf(bridge),
    bridge_type: 'mixing',
    bridge_class: 'stasis',
    creator: 'Stasis',
    name: bridge.name,
    channels: bridge.channels.map((channel) => channel.id),
    creationtime: bridge.createdAt,
    video_mode: 'talker',
  };
}

/** Two SIP phones are joined past the mixing, unless the bridge proxies the media. */
function technologyOf({ channels, type }: Bridge): string {
  const phones = channels.length === 2 && channels.every(({ technology }) => technology === 'PJSIP');
  return phones && !type.split(',').includes('proxy_media') ? 'native_rtp' : 'simple_bridge';
}

/** Where channels meet. Passes each one's audio on to the others; mixes nothing, because here two meet. */
export function createBridges(publish: (app: string, event: AriEvent) => void) {
  const bridges = new Map<string, Bridge>();

  function tell(bridge: Bridge, event: AriEvent) {
    for (const app of bridge.apps) publish(app, event);
  }

  function resamplerOf(bridge: Bridge, from: Channel, to: Channel, fromRate: number, toRate: number): Resampler {
    const key = `${from.id} ${to.id}`;
    let resampler = bridge.resamplers.get(key);
    if (!resampler) {
      resampler = createResampler(fromRate, toRate);
      bridge.resamplers.set(key, resampler);
    }
    return resampler;
  }

  function leave(channel: Channel) {
    const bridge = channel.bridgeId === undefined ? undefined : bridges.get(channel.bridgeId);
    channel.bridgeId = undefined;
    if (!bridge) return;
    bridge.channels = bridge.channels.filter((other) => other !== channel);
    for (const key of bridge.resamplers.keys()) if (key.split(' ').includes(channel.id)) bridge.resamplers.delete(key);
    tell(bridge, { type: 'ChannelLeftBridge', bridge: snapshot(bridge), channel: channel.snapshot() });
  }

  return {
    create({ id = crypto.randomUUID() as string, name = '', type = '' }: BridgeWish) {
      if (bridges.has(id)) return undefined;
      const bridge: Bridge = { id, name, type, createdAt: ariTimestamp(), channels: [], apps: new Set(), resamplers: new Map() };
      bridges.set(id, bridge);
      return snapshot(bridge);
    },

    has: (id: string) => bridges.has(id),
    get(id: string) {
      const bridge = bridges.get(id);
      return bridge && snapshot(bridge);
    },
    all: () => [...bridges.values()].map(snapshot),

    enter(id: string, channel: Channel) {
      const bridge = bridges.get(id);
      if (!bridge || channel.bridgeId === id) return;
      leave(channel);
      bridge.channels.unshift(channel);
      bridge.apps.add(channel.app);
      channel.bridgeId = id;
      tell(bridge, { type: 'ChannelEnteredBridge', bridge: snapshot(bridge), channel: channel.snapshot() });
    },
    leave,

    destroy(id: string): boolean {
      const bridge = bridges.get(id);
      if (!bridge) return false;
      for (const channel of [...bridge.channels]) leave(channel);
      bridges.delete(id);
      tell(bridge, { type: 'BridgeDestroyed', bridge: snapshot(bridge) });
      return true;
    },

    /** Passes a frame of this channel's on to whoever shares its bridge, at their rate. */
    relay(from: Channel, frame: Buffer) {
      const bridge = from.bridgeId === undefined ? undefined : bridges.get(from.bridgeId);
      const fromRate = from.device?.sampleRate;
      if (!bridge || fromRate === undefined) return;
      for (const to of bridge.channels) {
        if (to === from || !to.device) continue;
        const toRate = to.device.sampleRate;
        to.device.hear(toRate === fromRate ? frame : resamplerOf(bridge, from, to, fromRate, toRate).push(frame));
      }
    },

    relayDtmf(from: Channel, digit: string) {
      const bridge = from.bridgeId === undefined ? undefined : bridges.get(from.bridgeId);
      for (const to of bridge?.channels ?? []) if (to !== from) to.device?.dtmf?.(digit);
    },

    clear: () => bridges.clear(),
  };
}

export type Bridges = ReturnType<typeof createBridges>;
