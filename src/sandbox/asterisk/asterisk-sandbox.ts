import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { sleep } from '../../sleep.ts';
import { createFaultSwitch, type FaultSwitch } from '../faults.ts';
import type { People } from '../people/people.ts';
import { createAudioSocketLegs } from './audiosocket-legs.ts';
import { ariTimestamp, createEventHub } from './event-hub.ts';
import { createExchange, type DialRecord } from './exchange.ts';
import { createFrameClock } from './frame-clock.ts';
import type { TrunkRefusal } from './handlers/handler.ts';
import { createHandlers } from './handlers/handlers.ts';
import { createRequestHandler, isAuthorized } from './http.ts';
import { createMediaLegs, tooLongMessage } from './media-legs.ts';
import { createPlaybacks } from './playbacks.ts';

export interface AsteriskSandboxOptions {
  people: People;
  username?: string;
  password?: string;
  /** 0 takes a free one. */
  port?: number;
  /** What can be dialled: SIP trunks and, for Local, dialplan contexts. */
  endpoints?: readonly string[];
  /** What `asterisk/info` says. Default: a 22.10. */
  version?: string;
  /** What is loaded. Default: both kinds of media leg. */
  modules?: readonly string[];
  /** Between create and StasisStart; 0 lets the event overtake the answer at times. Milliseconds. */
  stasisDelayMs?: number;
}

/** An Asterisk in miniature, with people behind it. */
export interface AsteriskSandbox {
  /** `http://127.0.0.1:<port>`; ARI is below `/ari`, media websockets below `/media`. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  /** Faults of the HTTP side, and the journal of its requests. */
  readonly faults: FaultSwitch;
  /** One entry for every INVITE that would have gone out. */
  readonly dials: DialRecord[];
  /** Living channels, as ARI shows them. */
  channels(): Array<{ id: string; name: string; state: string }>;
  /** Living bridges, as ARI shows them. */
  bridges(): Array<{ id: string; channels: string[] }>;
  /** From now on this trunk (`PJSIP/name`) refuses every call, whoever is called; undefined: no more. */
  refuseTrunk(endpoint: string, refusal: TrunkRefusal | undefined): void;
  /** Cuts the event sockets without a close frame. */
  dropEvents(): void;
  /** The event sockets stay open and are dead: nothing is sent, no ping is answered. */
  halfOpenEvents(): void;
  /** Cuts media connections of either kind; without an id all of them. */
  dropMedia(channelId?: string): void;
  /** As when the process is killed and started again: every channel, bridge and application is gone, without events. */
  restart(options?: { downMs?: number }): Promise<void>;
  close(): Promise<void>;
}

/** Brings up a sandbox Asterisk on loopback. */
export async function startAsteriskSandbox(options: AsteriskSandboxOptions): Promise<AsteriskSandbox> {
  const { people, username = 'ringfence', password = 'sandbox', endpoints = ['PJSIP/trunk', 'PJSIP/carrier', 'Local/people'] } = options;
  const credentials = { username, password };
  const faults = createFaultSwitch();
  const hub = createEventHub();
  const clock = createFrameClock();
  const exchange = createExchange({ hub, clock, people });
  const legs = createMediaLegs(exchange);
  const audioSockets = createAudioSocketLegs(exchange);
  const playbacks = createPlaybacks(exchange);
  const refusals = new Map<string, TrunkRefusal>();
  let startedAt = ariTimestamp();
  const handlers = createHandlers({
    refusals,
    hub,
    exchange,
    legs,
    audioSockets,
    startedAt: () => startedAt,
    version: options.version ?? '22.10.1-sandbox',
    modules: options.modules ?? ['chan_websocket.so', 'chan_audiosocket.so'],
    playbacks,
    endpoints,
    stasisDelayMs: options.stasisDelayMs ?? 2,
    onCrash: () => void restart(),
  });
  const server = createServer(faults.wrap(createRequestHandler({ credentials, handlers })));
  // As configured on a real one; shorter than a client expects would break its kept connections.
  server.keepAliveTimeout = 15_000;
  server.on('upgrade', (request, socket, head) => faults.upgrade(request, socket, () => upgrade(request, socket, head)));
  const eventSockets = new WebSocketServer({ noServer: true, maxPayload: tooLongMessage });
  const mediaSockets = new WebSocketServer({
    noServer: true,
    maxPayload: tooLongMessage - 1,
    handleProtocols: (offered) => (offered.has('media') ? 'media' : false),
  });

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
    socket.on('error', () => {});
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (url.pathname === '/ari/events') {
      if (!isAuthorized(request, url, credentials)) return refuse(socket, 401, '{"message":"Authentication required"}');
      const apps = (url.searchParams.get('app') ?? '').split(',').filter(Boolean);
      if (apps.length === 0) return refuse(socket, 400, 'HTTP request is missing param: [app]');
      return eventSockets.handleUpgrade(request, socket, head, (client) => {
        client.on('error', () => {});
        hub.connect(apps, client);
      });
    }
    const leg = url.pathname.startsWith('/media/') ? legs.find(url.pathname.slice('/media/'.length)) : undefined;
    if (!leg) return refuse(socket, 404, 'WebSocket instance not found');
    if (leg.socket) return refuse(socket, 409, 'Another WebSocket is connected');
    mediaSockets.handleUpgrade(request, socket, head, (client) => legs.attach(leg, client));
  }

  function listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  function stopListening(): Promise<void> {
    exchange.forget();
    hub.forget();
    for (const sockets of [eventSockets, mediaSockets]) for (const client of sockets.clients) client.terminate();
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  const port = await listen(options.port ?? 0);
  const closing = new AbortController();
  let life: Promise<void> = Promise.resolve();
  let closed = false;

  function restart({ downMs = 0 }: { downMs?: number } = {}): Promise<void> {
    life = life.then(async () => {
      if (closed) return;
      await stopListening();
      await sleep(downMs, closing.signal).catch(() => {});
      startedAt = ariTimestamp();
      if (!closed) await listen(port);
    });
    return life;
  }

  return {
    url: `http://127.0.0.1:${port}`,
    username,
    password,
    faults,
    dials: exchange.dials,
    channels: () => exchange.all().map((channel) => channel.snapshot()),
    bridges: () => exchange.bridges.all(),
    refuseTrunk(endpoint, refusal) {
      if (refusal) refusals.set(endpoint, refusal);
      else refusals.delete(endpoint);
    },
    dropEvents: () => hub.drop(),
    halfOpenEvents: () => hub.halfOpen(),
    dropMedia(channelId) {
      legs.drop(channelId);
      audioSockets.drop(channelId);
    },
    restart,
    async close() {
      if (closed) return;
      closed = true;
      closing.abort();
      await life;
      await stopListening();
      clock.stop();
    },
  };
}

function refuse(socket: Duplex, status: number, body: string) {
  const type = body.startsWith('{') ? 'application/json' : 'text/html';
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nserver: Asterisk\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
