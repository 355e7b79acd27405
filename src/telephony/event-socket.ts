import { WebSocket } from 'ws';
import type { ServiceError } from '../errors.ts';
import type { AriTarget } from './ari-transport.ts';
import { statusError, unansweredError } from './asterisk-errors.ts';

/** Events are a few kilobytes; more than this is not Asterisk. */
const MAX_EVENT_BYTES = 1024 * 1024;

export interface EventSocketOptions {
  target: AriTarget;
  app: string;
  handshakeTimeoutMs: number;
  /** How often we ask for a sign of life. A socket silent for twice as long is dead. */
  pingIntervalMs: number;
  onText: (text: string) => void;
  /** Once, when an opened socket is gone, for whatever reason but our own `close`. */
  onLost: (why: string) => void;
}

export interface EventSocket {
  /** When it last gave a sign of life. Unix milliseconds. */
  readonly lastHeardAt: number;
  /** Ends it at once; `onLost` stays silent. */
  close(): void;
}

/**
 * Opens the socket on which Asterisk tells what happens to our channels, and watches that it is alive: a half-open TCP connection looks like a quiet
 * Asterisk for ever otherwise. Rejects with a `ServiceError`.
 */
export function openEventSocket(options: EventSocketOptions): Promise<EventSocket> {
  const { target, app, handshakeTimeoutMs } = options;
  const { promise, resolve, reject } = Promise.withResolvers<EventSocket>();
  const what = 'the event socket';
  const address = new URL(`/ari/events?app=${encodeURIComponent(app)}&subscribeAll=false`, target.origin);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(address, {
    // Not as api_key in the address, where Asterisk would have it too: addresses end up in logs.
    headers: { authorization: target.authorization },
    handshakeTimeout: handshakeTimeoutMs,
    maxPayload: MAX_EVENT_BYTES,
    perMessageDeflate: false,
  });
  let lastError: NodeJS.ErrnoException | undefined;
  socket.on('error', (error) => {
    lastError = error;
  });
  socket.on('unexpected-response', (request, response) => {
    reject(statusOf(what, response.statusCode ?? 0));
    response.resume();
    request.destroy();
  });
  socket.on('message', (data, isBinary) => {
    if (!isBinary) options.onText(String(data));
  });
  socket.on('open', () => {
    const watched = watch(socket, options.pingIntervalMs);
    let ours = false;
    socket.on('close', (code) => {
      watched.stop();
      if (!ours) options.onLost(lastError?.message ?? `closed with code ${code}`);
    });
    resolve({
      get lastHeardAt() {
        return watched.lastHeardAt();
      },
      close() {
        ours = true;
        socket.terminate();
      },
    });
  });
  socket.on('close', () => reject(unansweredError(what, lastError?.code ?? 'closed', lastError?.message ?? 'closed at once', lastError)));
  return promise;
}

function statusOf(what: string, status: number): ServiceError {
  return statusError(what, { status, said: '' });
}

function watch(socket: WebSocket, pingIntervalMs: number): { lastHeardAt(): number; stop(): void } {
  let lastHeardAt = Date.now();
  const heard = () => {
    lastHeardAt = Date.now();
  };
  socket.on('pong', heard);
  socket.on('message', heard);
  const timer = setInterval(() => {
    if (Date.now() - lastHeardAt >= 2 * pingIntervalMs) socket.terminate();
    else socket.ping();
  }, pingIntervalMs);
  return { lastHeardAt: () => lastHeardAt, stop: () => clearInterval(timer) };
}
