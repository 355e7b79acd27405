import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { fault } from '../error-classification/classify.ts';

export type SocketMessage = Record<string, unknown>;

export interface ServiceSocketOptions {
  url: URL;
  headers: Record<string, string>;
  /** The field of each message that says what it is; a message without it is no message. Without it any JSON object is one, of type ''. */
  typeField?: string;
  /** The reason of a close, in the shape of the service's HTTP errors. */
  toBody: (reason: string) => unknown;
  onOpen?: () => void;
  onMessage: (type: string, message: SocketMessage) => void;
  /** Without it a binary message is no message. */
  onBinary?: (data: Buffer) => void;
  /** The connection is gone or useless. Called at most once, and not after `close` or `terminate`. */
  onFailure: (error: unknown) => void;
}

/** One websocket to a service. It knows the wire, not what a session is. */
export interface ServiceSocket {
  /** No-op before the handshake and after the end. */
  send(data: string | Buffer): void;
  /** Handed over but not yet taken by the network. Bytes. */
  readonly backlog: number;
  /** Asks the other side for a sign of life; every message from it is one too. */
  ping(): void;
  /** Of the last sign of life. Milliseconds, `performance.now()`. */
  readonly lastHeardAt: number;
  close(): void;
  terminate(): void;
}

/** The messages are transcripts, or a few seconds of sound: short. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Enough to read why a handshake was refused. */
const MAX_REFUSAL_BYTES = 16 * 1024;
/** For the other side to answer our goodbye. */
const CLOSE_MS = 1_000;

/** The address of a websocket beside a service's HTTP. */
export function socketUrl(baseUrl: string, path: string): URL {
  return new URL(`${baseUrl.replace(/^http/i, 'ws').replace(/\/$/, '')}${path}`);
}

/**
 * Written on `ws`, not on the SDKs' wrappers. ElevenLabs' throws out of the socket's message handler when a message is no JSON, which
 * ends the process; it drops the close code and its reason, and of a refused handshake also the body, so that a used-up quota looks like
 * a bad key; and it cannot break off a handshake. Deepgram's reconnects by itself, behind the back of whoever counts connections.
 */
export function openServiceSocket(options: ServiceSocketOptions): ServiceSocket {
  const { url, headers, typeField, toBody, onOpen, onMessage, onBinary, onFailure } = options;
  const socket = new WebSocket(url, { headers, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  let over = false;
  let lastHeardAt = performance.now();
  const fail = (error: unknown): void => {
    if (over) return;
    over = true;
    socket.terminate();
    onFailure(error);
  };
  const heard = (): void => {
    lastHeardAt = performance.now();
  };

  socket.on('error', fail);
  socket.on('unexpected-response', (_request, response) => readRefusal(response, fail));
  socket.on('pong', heard);
  socket.on('open', () => {
    heard();
    if (!over) onOpen?.();
  });
  socket.on('message', (data, isBinary) => {
    if (over) return;
    heard();
    if (isBinary && onBinary) return onBinary(data as Buffer);
    const message = isBinary ? undefined : parse(data.toString());
    const type = typeField === undefined ? '' : message?.[typeField];
    if (message && typeof type === 'string') onMessage(type, message);
    else fail(fault('unreadable-answer', 'a message is not a JSON object that says what it is'));
  });
  socket.on('close', (code, reason) => {
    const closed = fault(`ws-${code}`, 'the service closed the connection', fault('connection-closed', 'closed'));
    fail(Object.assign(closed, { body: toBody(reason.toString()) }));
  });

  return {
    send(data) {
      if (socket.readyState === WebSocket.OPEN) socket.send(data, () => {});
    },
    get backlog() {
      return socket.bufferedAmount;
    },
    ping() {
      if (socket.readyState === WebSocket.OPEN) socket.ping(undefined, undefined, () => {});
    },
    get lastHeardAt() {
      return lastHeardAt;
    },
    close() {
      over = true;
      socket.close(1000);
      const timer = setTimeout(() => socket.terminate(), CLOSE_MS).unref();
      socket.once('close', () => clearTimeout(timer));
    },
    terminate() {
      over = true;
      socket.terminate();
    },
  };
}

function parse(text: string): SocketMessage | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === 'object' && message !== null ? (message as SocketMessage) : undefined;
  } catch {
    return undefined;
  }
}

/** Hands on what a refused handshake says, in the shape of the SDKs' HTTP errors. */
function readRefusal(response: IncomingMessage, fail: (error: unknown) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const tell = (): void => {
    const text = Buffer.concat(chunks).toString('utf8');
    let body: unknown = text;
    try {
      body = JSON.parse(text);
    } catch {
      // A page from something in between: the status alone has to do.
    }
    const refused = new Error('the websocket handshake was refused');
    fail(Object.assign(refused, { statusCode: response.statusCode, headers: response.headers, body }));
  };
  // A body that never ends must not hide the status.
  const timer = setTimeout(tell, CLOSE_MS).unref();
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_REFUSAL_BYTES) chunks.push(chunk);
    else tell();
  });
  response.on('close', () => {
    clearTimeout(timer);
    tell();
  });
  response.on('error', tell);
}
