import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface RedisProxy {
  url: string;
  /** `cut`: connections break and new ones are refused at once; `frozen`: nothing comes through any more. */
  become(state: 'up' | 'cut' | 'frozen'): void;
  stop(): Promise<void>;
}

/** Stands between a client and Redis, so that Redis can go away for one process alone. */
export async function startRedisProxy(redisUrl: string): Promise<RedisProxy> {
  const { hostname, port } = new URL(redisUrl);
  const pairs = new Set<[Socket, Socket]>();
  let state: 'up' | 'cut' | 'frozen' = 'up';
  const server = createServer((client) => {
    if (state === 'cut') return client.destroy();
    const redis = connect(Number(port), hostname);
    const pair: [Socket, Socket] = [client, redis];
    pairs.add(pair);
    for (const [from, to] of [pair, [redis, client] as const]) {
      from.on('data', (data) => {
        if (state === 'up') to.write(data);
      });
      from.on('error', () => {});
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const breakAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    become(next) {
      state = next;
      if (next === 'cut') breakAll();
    },
    async stop() {
      server.close();
      breakAll();
      await once(server, 'close');
    },
  };
}
