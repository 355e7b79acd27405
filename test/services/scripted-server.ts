import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface ReceivedRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Answers one request, as well or as badly as the test needs. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => void;

export interface ScriptedServer {
  url: string;
  requests: ReceivedRequest[];
  /** Answers every further request. */
  answer: Answer;
  /** Resolves when the client has given up the last request (its connection is closed). */
  abandoned: Promise<void>;
  close(): Promise<void>;
}

/** A service on loopback that does exactly what it is told. */
export async function startScriptedServer(answer: Answer = hang): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const { promise: abandoned, resolve } = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => {});
    response.on('error', () => {});
    response.on('close', () => {
      if (!response.writableFinished) resolve();
    });
    request.on('end', () => {
      const received = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      scripted.requests.push(received);
      scripted.answer(response, received);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const scripted: ScriptedServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer,
    abandoned,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return scripted;
}

export const hang: Answer = () => {};

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export const htmlUnavailable: Answer = (response) => {
  response.writeHead(503, { 'content-type': 'text/html', 'retry-after': '7' });
  response.end('<html><h1>503 Service Temporarily Unavailable</h1></html>');
};

export const resetBeforeHeaders: Answer = (response) => response.socket?.resetAndDestroy();

/** Sends `start` of the body and then resets the connection. */
export function resetAfter(start: string | Buffer, contentType: string): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': contentType });
    response.flushHeaders();
    if (start.length === 0) setImmediate(() => response.socket?.resetAndDestroy());
    else response.write(start, () => setImmediate(() => response.socket?.resetAndDestroy()));
  };
}

/** Sends `start` of the body and then nothing, with the connection open. */
export function stallAfter(start: string | Buffer, contentType: string): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': contentType });
    response.flushHeaders();
    if (start.length > 0) response.write(start);
  };
}

export function endAfter(body: string | Buffer, contentType: string): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': contentType });
    response.end(body);
  };
}

/** A server-sent event as OpenAI writes them. */
export function event(data: { type: string } & Record<string, unknown>): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The address of a port where nobody listens. */
export async function refusedUrl(): Promise<string> {
  const server = await startScriptedServer();
  await server.close();
  return server.url;
}
