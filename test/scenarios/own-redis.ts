import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { startRedis } from '../../src/sandbox/redis-server.ts';

/** A Redis of a test's own that keeps what it was told, at an address that outlives its restarts. */
export interface OwnRedis {
  readonly url: string;
  /** SIGKILL, and every connection is cut. */
  kill(): Promise<void>;
  /** Again, on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Undefined where no real Redis can be had. */
export async function startOwnRedis(dataDir: string): Promise<OwnRedis | undefined> {
  const start = () => startRedis({ dataDir, debianDir: 'data/debian' });
  let server = await start();
  if (server.kind === 'javascript') {
    await server.stop();
    return undefined;
  }
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  // Redis gets another port each time; this one stays.
  const front = createServer((near) => {
    const far = connect(Number(new URL(server.url).port), '127.0.0.1');
    keep(near, far);
    keep(far, near);
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return {
    url: `redis://127.0.0.1:${(front.address() as AddressInfo).port}`,
    async kill() {
      const { pid } = JSON.parse(await readFile(join(dataDir, 'redis/running.json'), 'utf8')) as { pid: number };
      process.kill(pid, 'SIGKILL');
      for (const socket of sockets) socket.destroy();
    },
    async restart() {
      server = await start();
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => front.close(() => resolve()));
      await server.stop();
    },
  };
}
