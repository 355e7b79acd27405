import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { apiDocs } from './api-docs.ts';
import type { AriAnswer, AriHandler, AriRequest } from './handlers/handler.ts';
import { type Operation, operations } from './operations.ts';

const mostBodyBytes = 1_000_000;

export interface Credentials {
  username: string;
  password: string;
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Basic authentication, or `api_key=user:password` in the query. */
export function isAuthorized(request: IncomingMessage, url: URL, { username, password }: Credentials): boolean {
  const [scheme, encoded = ''] = (request.headers.authorization ?? '').split(' ');
  const given = scheme?.toLowerCase() === 'basic' ? Buffer.from(encoded, 'base64').toString() : (url.searchParams.get('api_key') ?? '');
  return isSame(given, `${username}:${password}`);
}

const routes = operations.map((operation) => {
  const names: string[] = [];
  const source = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return '([^/]+)';
  });
  return { operation, names, pattern: new RegExp(`^${source}$`) };
});

function route(method: string, path: string): { operation: Operation; params: Record<string, string> } | undefined {
  for (const { operation, names, pattern } of routes) {
    const match = operation.method === method ? pattern.exec(path) : null;
    if (!match) continue;
    return { operation, params: Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? '')])) };
  }
  return undefined;
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBodyBytes) throw new SyntaxError('too long');
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

function mergeParams(path: Record<string, string>, url: URL, body: Record<string, unknown>): AriRequest {
  const params: Record<string, string> = {};
  for (const [name, value] of Object.entries(body))
    if (typeof value === 'string' || typeof value === 'number') params[name] = String(value);
  for (const [name, value] of url.searchParams) params[name] = value;
  return { params: { ...params, ...path }, body };
}

/** Answers ARI's HTTP requests. */
export function createRequestHandler(options: { credentials: Credentials; handlers: Record<string, AriHandler> }) {
  const { credentials, handlers } = options;

  async function answer(request: IncomingMessage): Promise<AriAnswer> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
    if (!url.pathname.startsWith('/ari/')) return { status: 404, body: { message: 'Not found' } };
    if (!isAuthorized(request, url, credentials)) return { status: 401, body: { message: 'Authentication required' } };
    const path = url.pathname.slice('/ari'.length);
    if (path.startsWith('/api-docs/')) {
      const docs = apiDocs(path.slice('/api-docs/'.length), `http://${url.host}/ari`);
      return docs ? { status: 200, body: docs } : { status: 404, body: { message: 'Resource not found' } };
    }
    const found = route(request.method ?? 'GET', path);
    const handler = found && handlers[`${found.operation.resource}.${found.operation.nickname}`];
    if (!handler) return { status: 404, body: { message: 'Resource not found' } };
    const merged = mergeParams(found.params, url, await readBody(request));
    const missing = found.operation.required?.find((name) => merged.params[name] === undefined);
    if (missing) return { status: 400, body: { message: `${missing} must be specified` } };
    return handler(merged);
  }

  return (request: IncomingMessage, response: ServerResponse) => {
    answer(request)
      .catch((error: unknown) => ({
        status: 400,
        body: { message: error instanceof SyntaxError ? 'Request body is not JSON' : String(error) },
      }))
      .then(({ status, body }: AriAnswer) => {
        if (response.destroyed) return;
        const text = body === undefined ? '' : JSON.stringify(body);
        response.writeHead(status, {
          server: 'Asterisk',
          'cache-control': 'no-cache, no-store',
          'content-type': 'application/json',
          ...(status !== 204 && { 'content-length': Buffer.byteLength(text) }),
          ...(status === 401 && { 'www-authenticate': 'Basic realm="Asterisk REST Interface"' }),
        });
        response.end(text);
      });
  };
}
