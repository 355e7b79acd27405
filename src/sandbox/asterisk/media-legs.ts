import type { WebSocket } from 'ws';
import type { Channel } from './channel.ts';
import type { Exchange, NewChannel } from './exchange.ts';
import { createMediaQueue } from './media-queue.ts';

/** The formats of signed linear PCM that we ask for, and their rates in hertz. */
export const mediaFormats: Record<string, number> = { slin: 8_000, slin16: 16_000, slin24: 24_000 };

/** Nobody came to fetch the audio. */
const unclaimedMs = 30_000;
/** Asterisk ignores longer text messages. Bytes. */
const longestCommand = 128;
/** A binary message of this size closes the socket with 1009. Bytes. */
export const tooLongMessage = 65_534;

interface Leg {
  channel: Channel;
  connectionId: string;
  format: string;
  socket: WebSocket | undefined;
}

/** The media websockets of external media: Asterisk's `chan_websocket` as we use it (INCOMING, JSON control messages). */
export function createMediaLegs(exchange: Exchange) {
  const legs = new Map<string, Leg>();
  let serial = 0;

  function create(wanted: Pick<NewChannel, 'id' | 'app' | 'variables'>, format: string) {
    serial += 1;
    const channel = exchange.create({
      ...wanted,
      technology: 'WebSocket',
      name: `WebSocket/INCOMING/0x${(0x7f0000000000 + serial * 0x1000).toString(16)}`,
      appArgs: '',
      dialString: 'INCOMING',
      context: 'default',
    });
    if (!channel) return undefined;
    const connectionId = crypto.randomUUID();
    legs.set(connectionId, { channel, connectionId, format, socket: undefined });
    channel.device = { sampleRate: 0, hear() {}, gone: () => legs.delete(connectionId) };
    exchange.publishDial(channel, '', channel.dialString);
    channel.after(unclaimedMs, () => {
      if (!legs.get(connectionId)?.socket) exchange.destroy(channel, { cause: 0 });
    });
    return { ...channel.snapshot(), channelvars: variablesOf(connectionId, format) };
  }

  function attach(leg: Leg, socket: WebSocket) {
    const { channel, format } = leg;
    const sampleRate = mediaFormats[format] ?? 8_000;
    const frameBytes = (sampleRate / 50) * 2;
    leg.socket = socket;
    const emit = (event: Record<string, unknown>) => {
      if (socket.readyState !== socket.OPEN) return;
      const { event: name, ...fields } = event;
      socket.send(JSON.stringify({ event: name, channel_id: channel.id, ...fields }));
    };
    const queue = createMediaQueue({ frameBytes, emit });
    const stopClock = exchange.clock.onFrame(() => {
      const frame = queue.next();
      if (frame) exchange.bridges.relay(channel, frame);
    });
    channel.device = {
      sampleRate,
      hear(frame) {
        if (socket.readyState === socket.OPEN) socket.send(frame);
      },
      dtmf: (digit) => emit({ event: 'DTMF_END', digit }),
      gone() {
        stopClock();
        legs.delete(leg.connectionId);
        socket.close(1000);
      },
    };
    listen(leg, socket, queue, emit);
    emit({
      event: 'MEDIA_START',
      connection_id: leg.connectionId,
      channel: channel.name,
      format,
      optimal_frame_size: frameBytes,
      ptime: 20,
      channel_variables: variablesOf(leg.connectionId, format),
    });
    exchange.changeState(channel, 'Up', 'ANSWER');
    exchange.enterStasis(channel);
  }

  function listen(leg: Leg, socket: WebSocket, queue: ReturnType<typeof createMediaQueue>, emit: (event: Record<string, unknown>) => void) {
    const { channel } = leg;
    socket.on('message', (data, binary) => {
      const message = Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data);
      if (binary) return queue.push(message);
      if (message.length > longestCommand) return;
      const command = parseCommand(message.toString());
      if (!command) return emit({ event: 'ERROR', error_text: 'Unable to parse JSON command' });
      if (command.name === 'HANGUP')
        return exchange.destroy(channel, { cause: 16, techCause: 1000, request: { cause: 16, tech_cause: 1000 } });
      queue.command(command.name, command.correlationId);
    });
    // A message that is too long ends in an error and a close.
    socket.on('error', () => {});
    socket.on('close', () => exchange.destroy(channel, { cause: 0, techCause: 1001, request: { cause: 38, tech_cause: 1001 } }));
  }

  return {
    create,
    find: (connectionId: string) => legs.get(connectionId),
    attach,
    /** Cuts media sockets as a lost network does; all, or that of one channel. */
    drop(channelId?: string) {
      for (const leg of legs.values()) if (channelId === undefined || leg.channel.id === channelId) leg.socket?.terminate();
    },
  };
}

export type MediaLegs = ReturnType<typeof createMediaLegs>;

function variablesOf(connectionId: string, format: string) {
  const frameBytes = ((mediaFormats[format] ?? 8_000) / 50) * 2;
  return { MEDIA_WEBSOCKET_CONNECTION_ID: connectionId, MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE: String(frameBytes) };
}

function parseCommand(text: string): { name: string; correlationId: string } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { command, correlation_id: id } = parsed as { command?: unknown; correlation_id?: unknown };
  return { name: typeof command === 'string' ? command : '', correlationId: typeof id === 'string' ? id : '' };
}
