import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface ScriptedAsteriskOptions {
  form?: 'json' | 'plain';
  frameBytes?: number;
  /** Sent in place of MEDIA_START; null sends nothing. */
  greeting?: string | null;
  /** False: a peer that doesn't even answer pings. */
  autoPong?: boolean;
}

/** The far side of a media leg as chan_websocket behaves, except that time passes only when the test says `play`. */
export interface ScriptedAsterisk {
  url: string;
  /** Commands and audio in the order of arrival, e.g. `START_MEDIA_BUFFERING`, `audio 1600`, `MARK_MEDIA m1`. */
  received: string[];
  /** Milliseconds of audio waiting to be played. */
  queuedMs(): number;
  /** All audio that was played. */
  played(): Buffer;
  /** Plays so many milliseconds, reports the marks on the way. */
  play(ms: number): void;
  send(data: Buffer | string): void;
  socket(): WebSocket;
  protocols: string[];
  close(): Promise<void>;
}

export async function startScriptedAsterisk(options: ScriptedAsteriskOptions = {}): Promise<ScriptedAsterisk> {
  const { form = 'json', frameBytes = 320, autoPong = true } = options;
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, autoPong });
  await once(server, 'listening');
  const received: string[] = [];
  const protocols: string[] = [];
  const played: Buffer[] = [];
  let queue: (Buffer | string)[] = [];
  let socket: WebSocket | undefined;
  let paused = false;

  const event = (name: string, mark?: string) =>
    form === 'json'
      ? JSON.stringify({ event: name, channel_id: 'em', correlation_id: mark })
      : mark === undefined
        ? name
        : `${name} ${mark}`;
  const start =
    form === 'json'
      ? JSON.stringify({
          event: 'MEDIA_START',
          connection_id: 'c',
          channel: 'WebSocket/c',
          channel_id: 'em',
          format: 'slin',
          optimal_frame_size: frameBytes,
          ptime: 20,
        })
      : `MEDIA_START connection_id:c channel:WebSocket/c channel_id:em format:slin optimal_frame_size:${frameBytes} ptime:20`;

  function onCommand(text: string): void {
    const { command, correlation_id: mark } =
      form === 'json' ? JSON.parse(text) : { command: text.split(' ')[0], correlation_id: text.split(' ')[1] };
    received.push(mark === undefined ? command : `${command} ${mark}`);
    if (command === 'FLUSH_MEDIA') queue = [];
    if (command === 'PAUSE_MEDIA') paused = true;
    if (command === 'CONTINUE_MEDIA') paused = false;
    if (command === 'MARK_MEDIA') queue.push(event('MEDIA_MARK_PROCESSED', mark));
    if (command === 'STOP_MEDIA_BUFFERING') queue.push(event('MEDIA_BUFFERING_COMPLETED', mark));
  }

  server.on('connection', (client, request) => {
    protocols.push(request.headers['sec-websocket-protocol'] ?? '');
    socket = client;
    client.on('error', () => {});
    client.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) return onCommand(data.toString());
      received.push(`audio ${data.length}`);
      for (let at = 0; at < data.length; at += frameBytes) queue.push(data.subarray(at, at + frameBytes));
    });
    const greeting = options.greeting === undefined ? start : options.greeting;
    if (greeting !== null) client.send(greeting);
  });

  function reportMarks(): void {
    for (let head = queue[0]; typeof head === 'string'; head = queue[0]) {
      socket?.send(head);
      queue.shift();
    }
  }

  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/media/s3cret`,
    received,
    protocols,
    queuedMs: () => queue.filter((item) => typeof item !== 'string').length * 20,
    played: () => Buffer.concat(played),
    play(ms) {
      for (let left = paused ? 0 : ms / 20; left > 0; left--) {
        reportMarks();
        const frame = queue.shift();
        if (Buffer.isBuffer(frame)) played.push(frame);
      }
      if (!paused) reportMarks();
    },
    send: (data) => socket?.send(data),
    socket() {
      if (!socket) throw new Error('nobody connected');
      return socket;
    },
    async close() {
      for (const client of server.clients) client.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}
