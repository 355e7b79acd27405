import http from 'node:http';
import https from 'node:https';
import type { ServiceError } from '../errors.ts';
import { statusError, unansweredError } from './asterisk-errors.ts';

/**
 * Asterisk's HTTP server listens with a backlog of 10: more new connections than that at once lose a second each to SYN retries.
 */
const MAX_CONNECTIONS = 8;

/** Below the shortest keep-alive of Asterisk (15 s), so that we never write on a connection which it is just closing. */
const IDLE_CONNECTION_MS = 5_000;

/** The largest answer we expect is the channel list of a full PBX; beyond this it is not ARI. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** Where the requests of one connection go, and how long each may take. */
export interface AriTarget {
  /** Scheme, host and port; no path. */
  origin: string;
  /** The value of the Authorization header. Secret. */
  authorization: string;
  agent: http.Agent;
}

export interface AriRequest {
  method: string;
  /** With query; starts with `/ari/`. */
  path: string;
  body?: string | undefined;
  timeoutMs: number;
}

export interface AriAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

/** A pool of its own for each connection to an Asterisk. */
export function createAriTarget(origin: string, username: string, password: string): AriTarget {
  const pool = { keepAlive: true, maxSockets: MAX_CONNECTIONS, maxFreeSockets: MAX_CONNECTIONS, timeout: IDLE_CONNECTION_MS };
  return {
    origin,
    authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
    agent: origin.startsWith('https:') ? new https.Agent(pool) : new http.Agent(pool),
  };
}

/** How a request is named in messages: without the query, where phone numbers stand. */
export function nameOf(request: Pick<AriRequest, 'method' | 'path'>): string {
  return `${request.method.toUpperCase()} ${request.path.split('?')[0]}`;
}

/**
 * One HTTP exchange that settles within `timeoutMs`, whatever the other side does, and is sent exactly once: no redirect is followed, nothing is
 * repeated. Resolves with a 2xx answer; anything else rejects with a `ServiceError`.
 */
export function exchange(target: AriTarget, request: AriRequest): Promise<AriAnswer> {
  const what = nameOf(request);
  const { promise, resolve, reject } = Promise.withResolvers<AriAnswer>();
  const outgoing = openRequest(target, request);
  /** Also takes the connection away: what might still come on it belongs to nobody. */
  const breakOff = (error: ServiceError) => {
    clearTimeout(timer);
    reject(error);
    outgoing.destroy();
  };
  const timer = setTimeout(() => {
    // Without a connected socket not one byte has left this machine: that is worth knowing for a dial.
    const sent = outgoing.socket && !outgoing.socket.connecting;
    const why = `no ${sent ? 'answer' : 'connection'} within ${request.timeoutMs} ms`;
    breakOff(unansweredError(what, sent ? 'ETIMEDOUT' : 'connect-timeout', why));
  }, request.timeoutMs);

  outgoing.on('error', (error: NodeJS.ErrnoException) => breakOff(unansweredError(what, error.code ?? 'network', error.message, error)));
  outgoing.on('response', (incoming) => {
    readBody(incoming).then(
      (body) => {
        clearTimeout(timer);
        const status = incoming.statusCode ?? 0;
        if (status < 200 || status > 299) reject(statusError(what, { status, said: explanationIn(body), headers: incoming.headers }));
        else resolve({ status, headers: incoming.headers, body });
      },
      (error: Error) => breakOff(unansweredError(what, 'answer-cut-off', error.message, error)),
    );
  });
  outgoing.end(request.body);
  return promise;
}

function openRequest(target: AriTarget, { method, path, body }: AriRequest): http.ClientRequest {
  const headers: http.OutgoingHttpHeaders = { authorization: target.authorization, accept: 'application/json', 'user-agent': 'ringfence' };
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(body);
  }
  const send = target.origin.startsWith('https:') ? https.request : http.request;
  return send(new URL(path, target.origin), { method: method.toUpperCase(), agent: target.agent, headers });
}

async function readBody(incoming: http.IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** ARI explains errors as `{"message": …}`; anything else (a proxy's HTML) is not worth printing. */
function explanationIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}
