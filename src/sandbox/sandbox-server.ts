import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { FaultSwitch } from './faults.ts';

/** What every sandbox server has. */
export interface SandboxServer {
  /** `http://127.0.0.1:<port>`. */
  url: string;
  port: number;
  faults: FaultSwitch;
  /** Ends every connection, also those that a fault holds open. */
  close(): Promise<void>;
}

/** A Fastify whose every request passes the faults first. */
export function createSandboxApp(faults: FaultSwitch): FastifyInstance {
  const connections = new Set<Socket>();
  const app = Fastify({
    forceCloseConnections: true,
    bodyLimit: 10_000_000,
    serverFactory: (handler) => {
      const server = createServer(faults.wrap(handler));
      server.on('connection', (socket) => {
        connections.add(socket);
        socket.once('close', () => connections.delete(socket));
      });
      return server;
    },
  });
  // A fault may hold a connection that neither Fastify nor, after an upgrade, Node's server knows of.
  app.addHook('preClose', async () => {
    for (const socket of connections) socket.destroy();
  });
  return app;
}

/** Listens on loopback; port 0 takes a free one. */
export async function listenOnLoopback(app: FastifyInstance, faults: FaultSwitch, port = 0): Promise<SandboxServer> {
  await app.listen({ host: '127.0.0.1', port });
  const { port: actual } = app.server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${actual}`,
    port: actual,
    faults,
    close() {
      closing ??= app.close().then(() => {});
      return closing;
    },
  };
}
