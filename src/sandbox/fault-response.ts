import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders, RequestListener, ServerResponse } from 'node:http';
import { type Fault, resetSocket } from './faults.ts';

/** So that the client has read what was sent before the reset throws it away. */
const BEFORE_RESET_MS = 30;
const DRIP_EVERY_MS = 20;

/** Answers a request in a faulty way; where the fault lies in the answer, `listener` does what was asked first. */
export function respondWithFault(fault: Fault, request: IncomingMessage, response: ServerResponse, listener: RequestListener): void {
  switch (fault.kind) {
    case 'hang':
      request.resume();
      return;
    case 'status': {
      request.resume();
      const json = typeof fault.body !== 'string';
      response.writeHead(fault.status, { 'content-type': json ? 'application/json' : 'text/html', ...fault.headers });
      response.end(json ? JSON.stringify(fault.body ?? {}) : fault.body);
      return;
    }
    case 'lie':
      request.resume();
      response.writeHead(200, { 'content-type': fault.contentType ?? 'text/html' }).end(fault.body);
      return;
    case 'apply-then-status':
      swallowAnswer(response, fault.status);
      listener(request, response);
      return;
    case 'reset':
      if (fault.when === 'before-headers') resetSocket(request.socket);
      else spoilBody(response, fault, request, listener);
      return;
    default:
      spoilBody(response, fault, request, listener);
  }
}

function swallowAnswer(response: ServerResponse, status: number): void {
  const end = response.end.bind(response);
  const writeHead = response.writeHead.bind(response);
  let ended = false;
  response.writeHead = () => response;
  response.write = () => true;
  response.end = () => {
    if (ended) return response;
    ended = true;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    writeHead(status, { 'content-type': 'application/json' });
    return end('{}');
  };
}

type BodyFault = Extract<Fault, { kind: 'reset' | 'stall' | 'drip' | 'truncate' }>;

/** Lets the listener write as ever, and lets through only what the fault lets through. */
function spoilBody(response: ServerResponse, fault: BodyFault, request: IncomingMessage, listener: RequestListener): void {
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  dropLength(response);
  const pass = (chunk: Buffer) => {
    if (chunk.length > 0) write(chunk);
  };
  const gate = createGate(fault, {
    pass,
    end: () => end(),
    flush: () => response.flushHeaders(),
    reset: () => resetSocket(request.socket),
  });
  response.once('close', gate.close);
  response.write = ((chunk: unknown, ...rest: unknown[]) => {
    gate.write(toBuffer(chunk, rest[0]));
    callLast(rest);
    return true;
  }) as typeof response.write;
  response.end = ((chunk?: unknown, ...rest: unknown[]) => {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') gate.write(toBuffer(chunk, rest[0]));
    gate.end();
    callLast([chunk, ...rest]);
    return response;
  }) as typeof response.end;
  listener(request, response);
}

interface Outlet {
  pass(chunk: Buffer): void;
  end(): void;
  flush(): void;
  reset(): void;
}

function createGate(fault: BodyFault, outlet: Outlet): { write(chunk: Buffer): void; end(): void; close(): void } {
  if (fault.kind === 'drip') return createDrip(fault.bytesPerSecond, outlet);
  let timer: NodeJS.Timeout | undefined;
  let left = fault.kind === 'reset' ? 0 : fault.afterBytes;
  let over = false;
  return {
    write(chunk) {
      if (over) return;
      if (fault.kind === 'reset') {
        over = true;
        if (fault.when === 'in-body') outlet.pass(chunk.subarray(0, Math.ceil(chunk.length / 2)));
        else outlet.flush();
        timer = setTimeout(outlet.reset, BEFORE_RESET_MS);
        return;
      }
      outlet.flush();
      outlet.pass(chunk.subarray(0, left));
      left -= Math.min(left, chunk.length);
      if (left > 0) return;
      over = true;
      if (fault.kind === 'truncate') outlet.end();
    },
    end() {
      if (over) return;
      over = true;
      // An empty body, or one shorter than what was to be let through: a stall keeps even its end.
      outlet.flush();
      if (fault.kind === 'truncate') outlet.end();
      else if (fault.kind === 'reset') timer = setTimeout(outlet.reset, BEFORE_RESET_MS);
    },
    close: () => clearTimeout(timer),
  };
}

function createDrip(bytesPerSecond: number, outlet: Outlet): { write(chunk: Buffer): void; end(): void; close(): void } {
  let waiting = Buffer.alloc(0);
  let ended = false;
  let owed = 0;
  const timer = setInterval(() => {
    owed += (bytesPerSecond * DRIP_EVERY_MS) / 1000;
    const count = Math.min(Math.floor(owed), waiting.length);
    owed = waiting.length > count ? owed - count : 0;
    outlet.pass(waiting.subarray(0, count));
    waiting = waiting.subarray(count);
    if (!ended || waiting.length > 0) return;
    clearInterval(timer);
    outlet.end();
  }, DRIP_EVERY_MS);
  return {
    write(chunk) {
      outlet.flush();
      waiting = Buffer.concat([waiting, chunk]);
    },
    end() {
      ended = true;
    },
    close: () => clearInterval(timer),
  };
}

/** A length that isn't kept would be an error of its own; a quiet end needs an answer without one. */
function dropLength(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response);
  response.writeHead = ((status: number, ...rest: (string | OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined)[]) => {
    const headers = rest.at(-1);
    response.removeHeader('content-length');
    if (headers === undefined || typeof headers === 'string' || Array.isArray(headers)) return writeHead(status);
    const kept = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length');
    return writeHead(status, Object.fromEntries(kept));
  }) as typeof response.writeHead;
}

function toBuffer(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0);
}

function callLast(args: unknown[]): void {
  const last = args.findLast((arg) => arg !== undefined);
  if (typeof last === 'function') queueMicrotask(() => last());
}
