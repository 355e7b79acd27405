import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Fault } from './faults.ts';

/** A request as a sandbox server saw it. */
export interface SeenRequest {
  /** Unix milliseconds. */
  at: number;
  method: string;
  /** With the query. */
  path: string;
  /** Without secrets. */
  headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, a string where it isn't; undefined as long as it is on its way. */
  body: unknown;
  /** The fault that it met. */
  fault?: Fault['kind'];
}

const SECRET_HEADERS = new Set(['authorization', 'xi-api-key', 'cookie', 'proxy-authorization', 'sec-websocket-key']);
/** Telegram's tokens stand in the path. */
const SECRET_PATH = /^\/bot[^/]+/;
const SECRET_QUERY = /([?&](?:api_key|token|xi_api_key|single_use_token)=)[^&]*/gi;
/** The oldest is forgotten first: a load test must not fill the memory. */
const MAX_REQUESTS = 20_000;
const MAX_BODY_BYTES = 1_000_000;

export function createJournal(): { requests: SeenRequest[]; record(request: IncomingMessage): SeenRequest } {
  const requests: SeenRequest[] = [];
  return {
    requests,
    record(request) {
      const headers = Object.entries(request.headers).filter(([name]) => !SECRET_HEADERS.has(name));
      const seen: SeenRequest = {
        at: Date.now(),
        method: request.method ?? 'GET',
        path: (request.url ?? '/').replace(SECRET_PATH, '/bot***').replace(SECRET_QUERY, '$1***'),
        headers: Object.fromEntries(headers),
        body: undefined,
      };
      if (requests.push(seen) > MAX_REQUESTS) requests.shift();
      copyBody(request, seen);
      return seen;
    },
  };
}

/** Looks over the parser's shoulder: a `data` listener would set the request flowing before its handler is ready. */
function copyBody(request: IncomingMessage, seen: SeenRequest): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const push = request.push;
  request.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (Buffer.isBuffer(chunk)) {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(Buffer.from(chunk));
    } else if (chunk === null) seen.body = parse(Buffer.concat(chunks).toString());
    return push.call(request, chunk, encoding);
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
