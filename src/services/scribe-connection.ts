import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { fault } from '../error-classification/classify.ts';

export type ScribeMessage = { message_type: string } & Record<string, unknown>;

export interface ScribeConnectionOptions {
  url: URL;
  apiKey: string;
  onMessage: (message: ScribeMessage) => void;
  /** The connection is gone or useless. Called at most once, and not after `close` or `terminate`. */
  onFailure: (error: unknown) => void;
}

/** One websocket to Scribe. It knows the wire, not what a session is: a session may outlive it one day. */
export interface ScribeConnection {
  /** No-op before the handshake and after the end. */
  send(chunk: { pcm: Buffer; commit: boolean; sampleRate: number }): void;
  /** Audio handed over but not yet taken by the network. Bytes. */
  readonly backlog: number;
  /** Asks the other side for a sign of life; every message from it is one too. */
  ping(): void;
  /** Of the last sign of life. Milliseconds, `performance.now()`. */
  readonly lastHeardAt: number;
  close(): void;
  terminate(): void;
}

/** The messages are transcripts: short. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Enough to read why a handshake was refused. */
const MAX_REFUSAL_BYTES = 16 * 1024;
/** For the other side to answer our goodbye. */
const CLOSE_MS = 1_000;

/**
 * Written on `ws`, not on the SDK's realtime wrapper: that one throws out of the socket's message handler when a
 * message is no JSON, which ends the process; it drops the close code and its reason, and of a refused handshake
 * also the body, so that a used-up quota looks like a bad key; and it cannot break off a handshake.
 */
export function openScribeConnection({ url, apiKey, onMessage, onFailure }: ScribeConnectionOptions): ScribeConnection {
  const socket = new WebSocket(url, { headers: { 'xi-api-key': apiKey }, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
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
  socket.on('message', (data, isBinary) => {
    if (over) return;
    heard();
    const message = isBinary ? undefined : parse(data.toString());
    if (message) onMessage(message);
    else fail(fault('unreadable-answer', 'a message is not a JSON object'));
  });
  socket.on('close', (code, reason) => {
    fail(
      Object.assign(fault(`ws-${code}`, 'the service closed the connection', fault('connection-closed', 'closed')), {
        body: { detail: { message: reason.toString() } },
      }),
    );
  });

  const end = (): void => {
    over = true;
  };
  return {
    send({ pcm, commit, sampleRate }) {
      if (socket.readyState !== WebSocket.OPEN) return;
      const chunk = { message_type: 'input_audio_chunk', audio_base_64: pcm.toString('base64'), commit, sample_rate: sampleRate };
      socket.send(JSON.stringify(chunk), () => {});
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
      end();
      socket.close(1000);
      const timer = setTimeout(() => socket.terminate(), CLOSE_MS).unref();
      socket.once('close', () => clearTimeout(timer));
    },
    terminate() {
      end();
      socket.terminate();
    },
  };
}

function parse(text: string): ScribeMessage | undefined {
  try {
    const message: unknown = JSON.parse(text);
    const isMessage =
      typeof message === 'object' && message !== null && 'message_type' in message && typeof message.message_type === 'string';
    return isMessage ? (message as ScribeMessage) : undefined;
  } catch {
    return undefined;
  }
}

/** Hands on what a refused handshake says, in the shape of the SDK's HTTP errors. */
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
    fail(
      Object.assign(new Error('the websocket handshake was refused'), { statusCode: response.statusCode, headers: response.headers, body }),
    );
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
