import type { IncomingMessage, RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import { answerControl } from './fault-control.ts';
import { respondWithFault } from './fault-response.ts';
import { createJournal, type SeenRequest } from './request-journal.ts';

/** What a sandbox server can be told to do wrong while it runs. */
export type Fault =
  | { kind: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  /** Takes the request and never answers. */
  | { kind: 'hang' }
  /** TCP reset: before the headers, right after them, or in the body. */
  | { kind: 'reset'; when: 'before-headers' | 'after-headers' | 'in-body' }
  /** Headers and the first `afterBytes` of the body, then nothing more, with the connection left open. */
  | { kind: 'stall'; afterBytes: number }
  /** The body, slowly. */
  | { kind: 'drip'; bytesPerSecond: number }
  /** The body ends early, quietly, with a clean end of stream. */
  | { kind: 'truncate'; afterBytes: number }
  /** Answers 200 with something else than what was asked for. */
  | { kind: 'lie'; body: string; contentType?: string }
  /** Does what was asked (writes), then answers with this status. */
  | { kind: 'apply-then-status'; status: number };

export interface FaultOptions {
  /** Only requests whose path and query match. Without it, every request. */
  path?: RegExp | undefined;
  /** Only so many requests; then the server is well again. Without it, until told otherwise. */
  times?: number | undefined;
}

export interface ActiveFault {
  fault: Fault;
  path: RegExp | undefined;
  /** Requests left. */
  times: number;
}

export interface FaultSwitch {
  /**
   * One fault stands for one `path`; the latest wins where two match. Without a path it replaces all.
   * `undefined` mends that path, or everything.
   */
  set(fault: Fault | undefined, options?: FaultOptions): void;
  /** The server is well again. */
  clear(): void;
  readonly active: readonly ActiveFault[];
  /** Every request that reached the server, oldest first, faulty or not: what the outside saw. Secrets are taken out. */
  readonly requests: SeenRequest[];
  /** Puts the faults, the journal and `/sandbox/…` before a server's own handler: `http.createServer(faults.wrap(handler))`. */
  wrap(listener: RequestListener): RequestListener;
  /** The same for websockets. `proceed` gets the fault that concerns what happens after the handshake, if there is one. */
  upgrade(request: IncomingMessage, socket: Duplex, proceed: (fault?: Fault) => void): void;
}

export interface FaultSwitchOptions {
  /** Faults that `PUT /sandbox/fault` knows by name. */
  presets?: Readonly<Record<string, Fault>>;
}

/**
 * Lets tests, the demo and other processes make a sandbox server ill while it runs.
 *
 * Over HTTP: `PUT /sandbox/fault` with `{"fault": {…}}` or `{"preset": "name"}`, both with optional `path` (a regular expression) and
 * `times`; `DELETE /sandbox/fault` mends; `GET /sandbox/fault` and `GET /sandbox/requests` tell.
 */
export function createFaultSwitch({ presets = {} }: FaultSwitchOptions = {}): FaultSwitch {
  const journal = createJournal();
  let active: ActiveFault[] = [];

  function take(path: string): Fault | undefined {
    const found = active.findLast((one) => one.times > 0 && (one.path?.test(path) ?? true));
    if (!found) return undefined;
    found.times--;
    active = active.filter((one) => one.times > 0);
    return found.fault;
  }

  const self: FaultSwitch = {
    set(fault, { path, times = Number.POSITIVE_INFINITY } = {}) {
      active = path ? active.filter((one) => one.path?.source !== path.source) : [];
      // Flags g and y would make `test` remember where it stopped.
      if (fault) active.push({ fault, path: path && new RegExp(path.source, path.flags.replace(/[gy]/g, '')), times });
    },
    clear() {
      active = [];
    },
    get active() {
      return active;
    },
    get requests() {
      return journal.requests;
    },
    wrap(listener) {
      return (request, response) => {
        if (request.url?.startsWith('/sandbox/')) return answerControl(self, presets, request, response);
        const seen = journal.record(request);
        const fault = take(request.url ?? '/');
        if (!fault) return listener(request, response);
        seen.fault = fault.kind;
        respondWithFault(fault, request, response, listener);
      };
    },
    upgrade(request, socket, proceed) {
      const seen = journal.record(request);
      const fault = take(request.url ?? '/');
      if (!fault) return proceed();
      seen.fault = fault.kind;
      refuseUpgrade(fault, socket, proceed);
    },
  };
  return self;
}

function refuseUpgrade(fault: Fault, socket: Duplex, proceed: (fault: Fault) => void): void {
  socket.on('error', () => {});
  if (fault.kind === 'hang') return;
  if (fault.kind === 'reset' && fault.when === 'before-headers') {
    resetSocket(socket);
    return;
  }
  if (fault.kind !== 'status' && fault.kind !== 'apply-then-status') {
    proceed(fault);
    return;
  }
  refuseHandshake(fault, socket);
}

/** Answers a websocket's handshake as if it were a plain request. */
export function refuseHandshake(fault: Extract<Fault, { kind: 'status' | 'apply-then-status' }>, socket: Duplex): void {
  socket.on('error', () => {});
  const body = 'body' in fault && fault.body !== undefined ? JSON.stringify(fault.body) : '';
  const headers = { 'content-type': 'application/json', ...('headers' in fault ? fault.headers : {}) };
  const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' });
  socket.end(`HTTP/1.1 ${fault.status} Sandbox\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
}

/** Ends a connection with a TCP reset where the socket can. */
export function resetSocket(socket: Duplex): void {
  if ('resetAndDestroy' in socket && typeof socket.resetAndDestroy === 'function') socket.resetAndDestroy();
  else socket.destroy();
}
