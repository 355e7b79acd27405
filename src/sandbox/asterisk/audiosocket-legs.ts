import { connect, type Socket } from 'node:net';
import type { Channel } from './channel.ts';
import type { Exchange, NewChannel } from './exchange.ts';
import { mediaFormats } from './media-legs.ts';

const uuid = 0x01;
const dtmf = 0x03;
const audioKinds: Record<string, number> = { slin: 0x10, slin16: 0x12, slin24: 0x13 };
const firstAudio = 0x10;
const lastAudio = 0x18;
/** The real one waits so long for whoever it is to connect to. */
const connectTimeoutMs = 2_000;
/** What is longer in one message the real one's translator dropped ("Out of buffer space"). Milliseconds. */
const longestMessageMs = 60;

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Leg {
  channel: Channel;
  socket: Socket;
}

/** External media by AudioSocket: this Asterisk connects to whoever asked, and passes their audio on at once, however it comes. */
export function createAudioSocketLegs(exchange: Exchange) {
  const legs = new Set<Leg>();

  /** Undefined when nobody listens there, or `id` is no UUID: the real one tells no more than that. */
  async function create(wanted: Pick<NewChannel, 'id' | 'app' | 'variables'>, format: string, address: string, id: string) {
    const socket = uuidPattern.test(id) ? await dialOut(address) : undefined;
    if (!socket) return undefined;
    const channel = exchange.create({
      ...wanted,
      technology: 'AudioSocket',
      name: `AudioSocket/${address}-${id}`,
      appArgs: id,
      dialString: `${address}/${id}`,
      context: 'default',
    });
    if (!channel) return void socket.destroy();
    const before = channel.snapshot();
    attach({ channel, socket }, format);
    exchange.publishDial(channel, '', channel.dialString);
    socket.write(message(uuid, Buffer.from(id.replaceAll('-', ''), 'hex')));
    exchange.changeState(channel, 'Up', 'ANSWER');
    exchange.enterStasis(channel);
    return { ...before, channelvars: { AUDIOSOCKET_SERVICE: address, AUDIOSOCKET_UUID: id } };
  }

  function attach(leg: Leg, format: string) {
    const { channel, socket } = leg;
    const kind = audioKinds[format] ?? firstAudio;
    const sampleRate = mediaFormats[format] ?? 8_000;
    const frameBytes = (sampleRate / 50) * 2;
    legs.add(leg);
    channel.device = {
      sampleRate,
      hear: (frame) => socket.write(message(kind, frame)),
      dtmf: (digit) => socket.write(message(dtmf, Buffer.from(digit))),
      gone() {
        legs.delete(leg);
        socket.destroySoon();
      },
    };
    const end = () => exchange.destroy(channel, { cause: 0 });
    const read = createReader((received, payload) => {
      if (received < firstAudio || received > lastAudio) return end();
      // Audio of another rate is dropped, as is what is no whole frame.
      if (received !== kind || payload.length > (longestMessageMs / 20) * frameBytes) return;
      for (let at = 0; at + frameBytes <= payload.length; at += frameBytes) {
        exchange.bridges.relay(channel, payload.subarray(at, at + frameBytes));
      }
    });
    socket.on('data', read);
    socket.on('close', end);
  }

  return {
    create,
    /** Cuts connections as a lost network does; all, or that of one channel. */
    drop(channelId?: string) {
      for (const { channel, socket } of legs) if (channelId === undefined || channel.id === channelId) socket.destroy();
    },
  };
}

export type AudioSocketLegs = ReturnType<typeof createAudioSocketLegs>;

function message(kind: number, payload: Buffer): Buffer {
  const header = Buffer.from([kind, 0, 0]);
  header.writeUInt16BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

function createReader(onMessage: (kind: number, payload: Buffer) => void) {
  let data: Buffer = Buffer.alloc(0);
  return (bytes: Buffer) => {
    data = Buffer.concat([data, bytes]);
    while (data.length >= 3 && data.length >= 3 + data.readUInt16BE(1)) {
      const end = 3 + data.readUInt16BE(1);
      onMessage(data.readUInt8(0), data.subarray(3, end));
      data = data.subarray(end);
    }
  };
}

function dialOut(address: string): Promise<Socket | undefined> {
  const colon = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true });
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), connectTimeoutMs);
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}
