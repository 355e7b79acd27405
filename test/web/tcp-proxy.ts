import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A network in front of a server, which can swallow everything without a word. */
export interface TcpProxy {
  readonly port: number;
  /** Connections stay open, also new ones, and nothing passes. */
  blackHole(): void;
  /** New connections pass. The old ones stay dead without a word, as after a router that forgot them. */
  heal(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let swallowing = false;
  const dead = new WeakSet<Socket>();
  const pass = (from: Socket, to: Socket) => {
    sockets.add(from);
    if (swallowing) dead.add(from);
    from.on('data', (bytes) => {
      if (!dead.has(from)) to.write(bytes);
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connect(target);
    pass(near, far);
    pass(far, near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    blackHole() {
      swallowing = true;
      for (const socket of sockets) dead.add(socket);
    },
    heal() {
      swallowing = false;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
      await once(server, 'close');
    },
  };
}
