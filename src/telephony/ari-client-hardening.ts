import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { ServiceError } from '../errors.ts';
import { type AriTarget, exchange, nameOf } from './ari-transport.ts';
import { asteriskError, notAriError, unansweredError } from './asterisk-errors.ts';

/*
 * ari-client 2.2 sits on swagger-client 2.0, which sits on shred. As they come: an operation that meets a dead or frozen Asterisk never
 * settles, the HTTP status is lost, a wrong password or a proxy's HTML is thrown outside of any promise and ends the process, redirects send the request
 * again, credentials are global to the process, and a dozen variables leak into the global scope. So shred's one method is replaced by
 * our own exchange; what is used of ari-client is its API: operations built from Asterisk's own description of itself.
 */

interface SwaggerAnswer {
  _headers: object;
  status: number;
  request: { url: string; method: string };
  content: { data: string };
}

interface ShredRequest {
  url: string;
  method: string;
  body?: string;
  on: { response: (answer: SwaggerAnswer) => void; error: (answer: SwaggerAnswer) => void };
}

interface Scope {
  target: AriTarget;
  timeoutMs: number;
  /** What went wrong below swagger, which would lose it. */
  failure: ServiceError | undefined;
}

/** Tells the replaced transport for whom it works: swagger has no room for that. */
const scopes = new AsyncLocalStorage<Scope>();

/** What ari-client builds out of Asterisk's description: resources, each with operations. */
export type AriClient = Record<string, Record<string, ((parameters: object) => PromiseLike<unknown>) | undefined> | undefined>;

type Connect = (url: string, username: string, password: string) => PromiseLike<AriClient>;
let connectLoaded: Connect | undefined;

/**
 * The operations of an Asterisk that is known to be ready (`GET /ari/asterisk/ping` says 200).
 * Rejects with a `ServiceError` and never throws elsewhere.
 */
export async function loadAriClient(target: AriTarget, timeoutMs: number): Promise<AriClient> {
  connectLoaded ??= loadHardened();
  const connect = connectLoaded;
  const what = 'GET /ari/api-docs';
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  // Two rounds of requests; a description without resources would otherwise never settle.
  const timer = setTimeout(() => reject(unansweredError(what, 'ETIMEDOUT', 'its description of the API makes no sense')), 3 * timeoutMs);
  try {
    // The credentials given here reach nothing: the transport puts in its own.
    return await Promise.race([inScope(target, timeoutMs, what, () => connect(target.origin, 'ringfence', '')), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs one ari-client operation: it settles within `timeoutMs`, with its result or a `ServiceError`. */
export async function inScope<T>(target: AriTarget, timeoutMs: number, what: string, operation: () => PromiseLike<T>): Promise<T> {
  const scope: Scope = { target, timeoutMs, failure: undefined };
  try {
    return await scopes.run(scope, () => withoutLeaks(operation));
  } catch (error) {
    if (scope.failure) throw scope.failure;
    throw error instanceof ServiceError
      ? error
      : asteriskError(`ari-client could not do ${what}: ${String(error)}`, 'ari-client', 'permanent', error);
  }
}

function loadHardened(): Connect {
  const ourRequire = createRequire(import.meta.url);
  const inAri = createRequire(ourRequire.resolve('ari-client'));
  const inSwagger = createRequire(inAri.resolve('swagger-client'));
  // swagger-client assigns a global `log` that prints to stdout whatever it likes.
  Object.defineProperty(globalThis, 'log', { get: () => () => undefined, set: () => undefined, configurable: true });

  const shred = inSwagger('shred') as { prototype: { request: (request: ShredRequest) => unknown } };
  shred.prototype.request = send;
  const swagger = inAri('swagger-client') as {
    SwaggerApi: { prototype: { fail: (this: { failure: (e: Error) => void }, why: unknown) => void } };
  };
  // The original reports and then throws, in a callback where nobody can catch it.
  swagger.SwaggerApi.prototype.fail = function fail(why) {
    this.failure(new Error(String(why)));
  };
  return withoutReachabilityCheck(inAri, () => (ourRequire('ari-client') as { connect: Connect }).connect);
}

/** ari-client first sends a request without deadline or password, only to see whether somebody is there; we have asked already. */
function withoutReachabilityCheck<T>(inAri: NodeJS.Require, load: () => T): T {
  const path = inAri.resolve('request');
  const before = inAri.cache[path];
  const stub = {
    id: path,
    filename: path,
    loaded: true,
    exports: (_url: string, done: () => void) => setImmediate(() => withoutLeaks(done)),
    children: [],
    paths: [],
  };
  inAri.cache[path] = stub as unknown as NodeModule;
  try {
    return load();
  } finally {
    if (before) inAri.cache[path] = before;
    else delete inAri.cache[path];
  }
}

function send(request: ShredRequest): void {
  const scope = scopes.getStore();
  if (!scope) throw new Error('an ari-client operation was started outside of inScope');
  const { pathname, search } = new URL(request.url);
  const sent = { method: request.method, path: pathname + search, body: request.body, timeoutMs: scope.timeoutMs };
  const answer = (status: number, data: string): SwaggerAnswer => ({ _headers: {}, status, request, content: { data } });
  const fail = (error: ServiceError) => {
    scope.failure ??= error;
    withoutLeaks(() => request.on.error(answer(error.status ?? 0, error.message)));
  };
  exchange(scope.target, sent)
    .then(({ status, body }) => {
      try {
        withoutLeaks(() => request.on.response(answer(status, body)));
      } catch (error) {
        fail(notAriError(nameOf(sent), status, error));
      }
    }, fail)
    .catch((error: unknown) => {
      scope.failure ??= asteriskError(`ari-client failed on ${nameOf(sent)}`, 'ari-client', 'permanent', error);
    });
}

/** swagger-client forgets `var` in a dozen places; what it leaves on the global object during `run` (which is synchronous) goes. */
function withoutLeaks<T>(run: () => T): T {
  const before = new Set(Object.keys(globalThis));
  try {
    return run();
  } finally {
    for (const name of Object.keys(globalThis)) if (!before.has(name)) Reflect.deleteProperty(globalThis, name);
  }
}
