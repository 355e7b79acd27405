import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Where something crosses between a worker and one of its services. */
export interface Crossing {
  /** In words without ids, so that the same step has the same name in every run: `POST channels/create`. */
  what: string;
  side: 'request' | 'answer' | 'event';
}

/** Bytes that travel together; only those with a crossing are held, lost or counted. */
export interface Piece {
  bytes: Buffer;
  crossing?: Crossing | undefined;
}

/** Cuts what one connection carries into pieces. Made anew for each connection. */
export interface Splitter {
  /** What this connection has become, once that is known, e.g. `events`. */
  readonly label?: string | undefined;
  toServer(chunk: Buffer): Piece[];
  toClient(chunk: Buffer): Piece[];
}

/**
 * `pass`: goes on. `silence`: this piece and all that follows on its connection is lost, both ways, and nobody is told (a
 * stream can't lose its middle). `cut`: the connection is reset, this piece is lost.
 */
export type Verdict = 'pass' | 'silence' | 'cut';

export interface FaultProxyOptions {
  targetPort: number;
  splitter?: (() => Splitter) | undefined;
  /** Decides on each crossing; a promise holds the piece, and all behind it in its direction, until it is settled. */
  decide?: ((crossing: Crossing) => Verdict | Promise<Verdict>) | undefined;
}

/** Stands between a client and a server on loopback and does to their connections what networks do. */
export interface FaultProxy {
  readonly port: number;
  /** Living connections. */
  readonly connections: number;
  /** The server has moved, as after its restart. */
  retarget(port: number): void;
  /** Resets every connection, or those with this label. */
  cut(label?: string): void;
  /** Connections with this label stay open and carry nothing any more, until `heal`. */
  silence(label: string): void;
  /** Connections, old and new, stay open and carry nothing until `heal`. */
  blackHole(): void;
  /** Resets what a black hole or a silence holds, and is a plain wire again. */
  heal(): void;
  /** Everything arrives this much later. Milliseconds; 0 ends it. */
  delay(ms: number): void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  splitter: Splitter;
  silent: boolean;
  /** A request is on its way. */
  requesting: boolean;
}

const plain: Splitter = { toServer: (bytes) => [{ bytes }], toClient: (bytes) => [{ bytes }] };

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let targetPort = options.targetPort;
  let allSilent = false;
  let delayMs = 0;

  const reset = (pair: Pair) => {
    pairs.delete(pair);
    for (const socket of [pair.client, pair.server]) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  };

  /** Carries one piece; false means that nothing of this connection moves any more. */
  const carry = async (pair: Pair, towards: 'client' | 'server', piece: Piece): Promise<boolean> => {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    const verdict = piece.crossing === undefined ? 'pass' : await (options.decide?.(piece.crossing) ?? 'pass');
    if (verdict === 'cut') reset(pair);
    if (verdict === 'silence') pair.silent = true;
    if (verdict !== 'pass' || pair.silent || allSilent) return false;
    // A server closes what has been quiet for some seconds. What was under way for longer arrives all the same, as through somebody's gateway.
    if (towards === 'server' && pair.server.destroyed && pairs.has(pair)) reconnect(pair);
    const to = pair[towards];
    // What was held may outlive the peer that it was for.
    if (!to.destroyed && !to.write(piece.bytes)) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => undefined);
    return true;
  };

  const pump = (pair: Pair, towards: 'client' | 'server') => {
    const [from, split] = towards === 'server' ? [pair.client, pair.splitter.toServer] : [pair.server, pair.splitter.toClient];
    from.on('error', () => undefined);
    from.on('data', (chunk: Buffer) => {
      if (pair.silent || allSilent) {
        pair.silent = true;
        return;
      }
      from.pause();
      if (towards === 'server') pair.requesting = true;
      void (async () => {
        for (const piece of split(chunk)) if (!(await carry(pair, towards, piece))) break;
        if (towards === 'server') pair.requesting = false;
        from.resume();
      })();
    });
    // A paused socket tells of its end only after what came before it has been carried.
    from.on('close', () => {
      if (pair.silent || (towards === 'client' && pair.requesting)) return;
      pairs.delete(pair);
      pair[towards].destroySoon();
    });
  };

  const dialServer = () => {
    const socket = connect({ port: targetPort, host: '127.0.0.1' });
    socket.setNoDelay(true);
    return socket;
  };
  const reconnect = (pair: Pair) => {
    pair.server = dialServer();
    pump(pair, 'client');
  };

  const server = createServer((client) => {
    const splitter = options.splitter?.() ?? plain;
    const pair: Pair = { client, server: dialServer(), splitter, silent: allSilent, requesting: false };
    client.setNoDelay(true);
    pairs.add(pair);
    pump(pair, 'server');
    pump(pair, 'client');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size;
    },
    retarget(port) {
      targetPort = port;
    },
    cut(label) {
      for (const pair of [...pairs]) if (label === undefined || pair.splitter.label === label) reset(pair);
    },
    silence(label) {
      for (const pair of pairs) if (pair.splitter.label === label) pair.silent = true;
    },
    blackHole() {
      allSilent = true;
      for (const pair of pairs) pair.silent = true;
    },
    heal() {
      allSilent = false;
      for (const pair of [...pairs]) if (pair.silent) reset(pair);
    },
    delay(ms) {
      delayMs = ms;
    },
    async close() {
      for (const pair of [...pairs]) reset(pair);
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
