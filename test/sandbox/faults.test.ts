import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createFaultSwitch, type Fault } from '../../src/sandbox/faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from '../../src/sandbox/sandbox-server.ts';
import { sleep } from '../../src/sleep.ts';

const BODY = 'x'.repeat(1000);
const preset: Fault = { kind: 'status', status: 418, body: { short: 'stout' } };
let server: SandboxServer;
let written: unknown[];

beforeEach(async () => {
  written = [];
  const faults = createFaultSwitch({ presets: { teapot: preset } });
  const app = createSandboxApp(faults);
  app.get('/thing', () => BODY);
  app.post('/thing', (request) => ({ count: written.push(request.body) }));
  const sockets = new WebSocketServer({ noServer: true });
  app.server.on('upgrade', (request, socket, head) =>
    faults.upgrade(request, socket, (fault) =>
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.send(fault?.kind ?? 'well');
        ws.close();
      }),
    ),
  );
  server = await listenOnLoopback(app, faults);
});
afterEach(() => server.close());

const get = () => fetch(`${server.url}/thing`);
const post = (value: unknown) =>
  fetch(`${server.url}/thing`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer s3cret' },
    body: JSON.stringify(value),
  });

async function readSome(response: Response): Promise<{ bytes: number; error?: unknown; pending?: boolean }> {
  let bytes = 0;
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const read = await Promise.race([reader?.read(), sleep(300)]);
      if (!read) return { bytes, pending: true };
      if (read.done) return { bytes };
      bytes += read.value.length;
    }
  } catch (error) {
    return { bytes, error };
  } finally {
    await reader?.cancel().catch(() => {});
  }
}

const codeOf = (error: unknown) => {
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code;
};

describe('a sandbox server', () => {
  it('answers as it should while it is well', async () => {
    expect(await (await get()).text()).toBe(BODY);
  });

  it('answers with a status until it is mended', async () => {
    server.faults.set({ kind: 'status', status: 503, body: { detail: 'ill' }, headers: { 'retry-after': '7' } });
    const response = await get();
    expect([response.status, response.headers.get('retry-after'), await response.json()]).toEqual([503, '7', { detail: 'ill' }]);
    expect((await get()).status).toBe(503);
    server.faults.clear();
    expect((await get()).status).toBe(200);
  });

  it('is ill for so many requests only, and only on the paths it was told', async () => {
    server.faults.set({ kind: 'status', status: 500 }, { path: /^\/thing/, times: 2 });
    server.faults.set({ kind: 'status', status: 400 }, { path: /other/ });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await get()).status);
    expect(statuses).toEqual([500, 500, 200]);
    server.faults.set(undefined, { path: /other/ });
    expect(server.faults.active).toEqual([]);
  });

  it('takes a request and never answers', async () => {
    server.faults.set({ kind: 'hang' });
    const controller = new AbortController();
    const answer = fetch(`${server.url}/thing`, { signal: controller.signal }).then(
      () => 'answered',
      () => 'aborted',
    );
    await expect.poll(() => server.faults.requests.length).toBe(1);
    controller.abort();
    expect(await answer).toBe('aborted');
  });

  it('resets the connection before the headers, after them, or in the body', async () => {
    server.faults.set({ kind: 'reset', when: 'before-headers' });
    const error = await get().catch((reason: unknown) => reason);
    expect(['UND_ERR_SOCKET', 'ECONNRESET']).toContain(codeOf(error));
    server.faults.set({ kind: 'reset', when: 'after-headers' });
    expect(await readSome(await get())).toMatchObject({ bytes: 0, error: expect.anything() });
    server.faults.set({ kind: 'reset', when: 'in-body' });
    const read = await readSome(await get());
    expect(read.error).toBeDefined();
    expect(read.bytes).toBe(500);
  });

  it('really sends a TCP reset, not a polite end', async () => {
    server.faults.set({ kind: 'reset', when: 'before-headers' });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET /thing HTTP/1.1\r\nHost: x\r\n\r\n');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
  });

  it('stalls in the body with the connection left open', async () => {
    server.faults.set({ kind: 'stall', afterBytes: 100 });
    expect(await readSome(await get())).toEqual({ bytes: 100, pending: true });
  });

  it('ends the body early and quietly', async () => {
    server.faults.set({ kind: 'truncate', afterBytes: 100 });
    expect(await readSome(await get())).toEqual({ bytes: 100 });
  });

  it('lets the body through slowly, and whole', async () => {
    server.faults.set({ kind: 'drip', bytesPerSecond: 5000 });
    const startedAt = performance.now();
    expect(await readSome(await get())).toEqual({ bytes: 1000 });
    expect(performance.now() - startedAt).toBeGreaterThan(100);
  });

  it('lies: 200, and a login page', async () => {
    server.faults.set({ kind: 'lie', body: '<html>Log in</html>' });
    const response = await get();
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'text/html',
      '<html>Log in</html>',
    ]);
  });

  it('does what it was asked and then says that it failed', async () => {
    server.faults.set({ kind: 'apply-then-status', status: 502 }, { times: 1 });
    expect((await post({ a: 1 })).status).toBe(502);
    expect(written).toEqual([{ a: 1 }]);
    expect(await (await post({ a: 2 })).json()).toEqual({ count: 2 });
  });

  it('keeps a journal of what reached it, without secrets', async () => {
    server.faults.set({ kind: 'status', status: 503 }, { times: 1 });
    await post({ a: 1 });
    await (await fetch(`${server.url}/nowhere?api_key=user:pass&x=1`)).text();
    expect(server.faults.requests).toMatchObject([
      { method: 'POST', path: '/thing', body: { a: 1 }, fault: 'status' },
      { method: 'GET', path: '/nowhere?api_key=***&x=1' },
    ]);
    expect(JSON.stringify(server.faults.requests)).not.toMatch(/s3cret|user:pass/);
  });

  it('is made ill and well again by another process', async () => {
    const control = (method: string, body?: unknown) =>
      fetch(`${server.url}/sandbox/fault`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    expect((await control('PUT', { preset: 'teapot', path: '^/thing', times: 3 })).status).toBe(200);
    expect(await (await get()).json()).toEqual({ short: 'stout' });
    expect(await (await control('GET')).json()).toEqual([{ fault: preset, path: '^\\/thing', times: 2 }]);
    expect(await (await control('DELETE')).json()).toEqual([]);
    expect((await get()).status).toBe(200);
    expect((await control('PUT', { fault: { kind: 'explode' } })).status).toBe(400);
    expect((await control('PUT', { preset: 'nonsense' })).status).toBe(400);
    expect((await control('PUT', 'no object')).status).toBe(400);
    expect(await (await fetch(`${server.url}/sandbox/requests`)).json()).toHaveLength(2);
  });

  it('is ill towards websockets too', async () => {
    const open = async () => {
      const ws = new WebSocket(server.url.replace('http', 'ws'));
      return once(ws, 'message').then(([data]) => String(data), String);
    };
    expect(await open()).toBe('well');
    server.faults.set({ kind: 'status', status: 401, body: { detail: 'no' } }, { times: 1 });
    expect(await open()).toContain('401');
    server.faults.set({ kind: 'reset', when: 'before-headers' }, { times: 1 });
    expect(await open()).toContain('ECONNRESET');
    server.faults.set({ kind: 'stall', afterBytes: 0 }, { times: 1 });
    expect(await open()).toBe('stall');
  });

  it('closes while a fault holds a websocket open that was never one', async () => {
    server.faults.set({ kind: 'hang' });
    const ws = new WebSocket(server.url.replace('http', 'ws'));
    const cut = once(ws, 'error');
    await expect.poll(() => server.faults.requests.length).toBe(1);
    await server.close();
    await cut;
  });

  it('closes while a fault holds a request open', async () => {
    server.faults.set({ kind: 'hang' });
    const answer = get().catch(() => 'cut');
    await expect.poll(() => server.faults.requests.length).toBe(1);
    await server.close();
    expect(await answer).toBe('cut');
  });
});
