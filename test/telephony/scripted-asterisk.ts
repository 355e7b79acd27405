import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { apiDocs } from '../../src/sandbox/asterisk/api-docs.ts';

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  channelId: string;
  query: URLSearchParams;
  body: string;
  /** What happens when nothing is scripted. */
  proceed: () => void;
}

export type Script = (exchange: Exchange) => void;

export type Step = 'ping' | 'docs' | 'filter' | 'create' | 'get' | 'dial' | 'hangup' | 'variable' | 'events' | 'other';

/** Never answers. */
export const hang: Script = () => undefined;
/** TCP reset. */
export const reset: Script = ({ request }) => request.socket.resetAndDestroy();
export const status =
  (code: number, message = 'scripted'): Script =>
  ({ response }) =>
    respond(response, code, { message });
export const html: Script = ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome</html>');

/** Does each in its turn; the last one for ever. */
export function inTurn(...scripts: Script[]): Script {
  let turn = 0;
  return (exchange) => scripts[Math.min(turn++, scripts.length - 1)]?.(exchange);
}

function respond(response: ServerResponse, code: number, body?: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(body === undefined ? '' : JSON.stringify(body));
}

function stepOf(method: string, path: string): [Step, string] {
  const [, channelId = '', rest = ''] = /^\/ari\/channels\/([^/]+)\/?(.*)$/.exec(path) ?? [];
  if (path === '/ari/asterisk/ping') return ['ping', ''];
  if (path.startsWith('/ari/api-docs/')) return ['docs', ''];
  if (path.endsWith('/eventFilter')) return ['filter', ''];
  if (path === '/ari/channels/create') return ['create', ''];
  if (channelId && !rest) return [method === 'DELETE' ? 'hangup' : 'get', decodeURIComponent(channelId)];
  if (rest === 'dial') return ['dial', decodeURIComponent(channelId)];
  if (rest === 'variable') return ['variable', decodeURIComponent(channelId)];
  return ['other', ''];
}

/**
 * An Asterisk that knows ARI's happy path and nothing else, in which every step can be told to go wrong. It never dials anybody: what a phone does, a
 * test says by `tell`.
 */
export async function startScriptedAsterisk() {
  const scripts = new Map<Step, Script>();
  const seen: { step: Step; channelId: string; body: string; query: URLSearchParams }[] = [];
  const living = new Map<string, string>();
  const connections = new Set<Socket>();
  let mostConnections = 0;
  const sockets = new Set<WebSocket>();
  const events = new WebSocketServer({ noServer: true });

  const tell = (event: object) => {
    for (const socket of sockets) socket.send(JSON.stringify({ application: 'app', timestamp: 'now', asterisk_id: 'x', ...event }));
  };
  const tellChannel = (type: string, id: string, more: object = {}) => {
    const state = living.get(id) ?? 'Down';
    tell({ type, channel: { id, state, name: `Test/${id}` }, ...more });
  };
  const end = (id: string, cause: number, techCause?: number) => {
    tellChannel('ChannelDestroyed', id, { cause, cause_txt: '', ...(techCause === undefined ? {} : { tech_cause: techCause }) });
    living.delete(id);
  };

  const proceed = (step: Step, { request, response, channelId, query }: Omit<Exchange, 'proceed'>) => {
    const known = living.has(channelId);
    switch (step) {
      case 'ping':
        return respond(response, 200, { ping: 'pong' });
      case 'docs': {
        const docs = apiDocs((request.url ?? '').split('/').pop() ?? '', `http://${request.headers.host}/ari`);
        return respond(response, docs ? 200 : 404, docs);
      }
      case 'filter':
        return respond(response, 200, { name: 'app' });
      case 'create': {
        const id = query.get('channelId') ?? '';
        living.set(id, 'Down');
        respond(response, 200, { id, state: 'Down', name: `Test/${id}` });
        return tellChannel('StasisStart', id, { args: [] });
      }
      case 'get':
        return known ? respond(response, 200, { id: channelId, state: living.get(channelId) }) : respond(response, 404, { message: 'no' });
      case 'dial':
        respond(response, known ? 204 : 404);
        if (known) tell({ type: 'Dial', dialstatus: '', peer: { id: channelId, state: 'Down' } });
        return;
      case 'hangup':
        respond(response, known ? 204 : 404);
        if (known) end(channelId, query.get('reason') === 'no_answer' ? 19 : 16);
        return;
      default:
        return respond(response, known ? 204 : 404);
    }
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://here');
    const [step, channelId] = stepOf(request.method ?? '', url.pathname);
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      seen.push({ step, channelId: channelId || (url.searchParams.get('channelId') ?? ''), body, query: url.searchParams });
      const exchange = { request, response, channelId, query: url.searchParams, body };
      const go = () => proceed(step, exchange);
      const script = scripts.get(step);
      if (script) script({ ...exchange, proceed: go });
      else go();
    });
  });
  server.on('connection', (socket) => {
    connections.add(socket);
    mostConnections = Math.max(mostConnections, connections.size);
    socket.on('close', () => connections.delete(socket));
  });
  server.on('upgrade', (request, socket, head) => {
    seen.push({ step: 'events', channelId: '', body: '', query: new URL(request.url ?? '/', 'http://here').searchParams });
    if (scripts.has('events')) return void socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    events.handleUpgrade(request, socket, head, (opened) => {
      sockets.add(opened);
      opened.on('close', () => sockets.delete(opened));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    /** Until further notice this step goes like this. Without a script it goes well. */
    script(step: Step, script?: Script) {
      if (script) scripts.set(step, script);
      else scripts.delete(step);
    },
    seen,
    steps: (channelId: string) => seen.filter((one) => one.channelId === channelId).map(({ step }) => step),
    count: (step: Step) => seen.filter((one) => one.step === step).length,
    living,
    tell,
    tellRaw: (text: string) => {
      for (const socket of sockets) socket.send(text);
    },
    tellChannel,
    /** The phone rings, or is picked up. */
    state(id: string, state: 'Ringing' | 'Up') {
      living.set(id, state);
      tellChannel('ChannelStateChange', id);
    },
    end,
    /** Cuts every event socket. */
    dropEvents() {
      for (const socket of sockets) socket.terminate();
    },
    /** The event sockets stay open and nothing comes any more, not even a pong: what a half-open connection looks like. */
    muteEvents() {
      for (const socket of sockets) socket.pause();
    },
    get eventSockets() {
      return sockets.size;
    },
    get openConnections() {
      return connections.size;
    },
    get mostConnections() {
      return mostConnections;
    },
    async stop() {
      for (const socket of connections) socket.destroy();
      events.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type ScriptedAsterisk = Awaited<ReturnType<typeof startScriptedAsterisk>>;
