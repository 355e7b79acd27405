import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export interface ScriptedSocket {
  url: string;
  /** Everything that clients sent, parsed. */
  received: Record<string, unknown>[];
  /** Of the handshakes. */
  requests: IncomingMessage[];
  /** Resolves when a message for which `matches` holds has come. */
  heard(matches: (message: Record<string, unknown>) => boolean): Promise<void>;
  /** Resolves when a client's connection is gone, however it went. */
  closed: Promise<number>;
  close(): Promise<void>;
}

export interface SocketScript {
  onConnection?: (socket: WebSocket) => void;
  onMessage?: (message: Record<string, unknown>, socket: WebSocket) => void;
  /** Whether pings are answered. */
  alive?: boolean;
}

export function say(socket: WebSocket, message: Record<string, unknown>): void {
  socket.send(JSON.stringify(message));
}

/** A websocket service on loopback that does exactly what it is told. Without a script it starts sessions and stays silent. */
export async function startScriptedSocket(script: SocketScript = {}): Promise<ScriptedSocket> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, autoPong: script.alive ?? true });
  await new Promise((done) => server.once('listening', done));
  const closed = Promise.withResolvers<number>();
  const waiting = new Set<() => void>();
  const received: Record<string, unknown>[] = [];
  const requests: IncomingMessage[] = [];
  server.on('connection', (socket, request) => {
    requests.push(request);
    socket.on('error', () => {});
    socket.on('close', closed.resolve);
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      received.push(message);
      script.onMessage?.(message, socket);
      for (const check of [...waiting]) check();
    });
    if (script.onConnection) script.onConnection(socket);
    else say(socket, { message_type: 'session_started', session_id: 's1', config: {} });
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    requests,
    closed: closed.promise,
    heard: (matches) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!received.some(matches)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of server.clients) socket.terminate();
      }),
  };
}
