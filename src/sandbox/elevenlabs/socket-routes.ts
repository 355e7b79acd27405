import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Fault, FaultSwitch } from '../faults.ts';

interface Arrival {
  request: IncomingMessage;
  query: URLSearchParams;
  /** What is to go wrong after the handshake. */
  fault: Fault | undefined;
}

export interface SocketRoute {
  path: RegExp;
  sockets: WebSocketServer;
  start(socket: WebSocket, arrival: Arrival): void;
  /** Living connections. */
  count(): number;
  /** Cuts them all without a word. */
  drop(): void;
}

export function createSocketRoute(path: RegExp, start: SocketRoute['start']): SocketRoute {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 2_000_000 });
  return {
    path,
    sockets,
    start,
    count: () => sockets.clients.size,
    drop() {
      for (const socket of sockets.clients) socket.terminate();
    },
  };
}

/** Hands each websocket to who serves its path; the faults come first. */
export function serveSockets(app: FastifyInstance, faults: FaultSwitch, routes: readonly SocketRoute[]): void {
  app.server.on('upgrade', (request, socket, head) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://sandbox');
    const route = routes.find(({ path }) => path.test(pathname));
    if (!route) return socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
    faults.upgrade(request, socket, (fault) =>
      route.sockets.handleUpgrade(request, socket, head, (ws) => route.start(ws, { request, query, fault })),
    );
  });
  app.addHook('preClose', async () => {
    for (const route of routes) route.drop();
  });
}
