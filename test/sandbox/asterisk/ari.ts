import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import { type AsteriskSandbox, type AsteriskSandboxOptions, startAsteriskSandbox } from '../../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../../src/sandbox/people/people.ts';

const cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface AriEvent {
  type: string;
  channel?: { id: string; state: string };
  peer?: { id: string };
  [field: string]: unknown;
}

export async function start(options: Partial<AsteriskSandboxOptions> = {}) {
  const people = options.people ?? loadPeople();
  const asterisk = await startAsteriskSandbox({ people, ...options });
  cleanups.push(() => asterisk.close());
  return { asterisk, people };
}

/** Waits until something is true; fails the test when it never is. */
export async function until<T>(what: () => T | undefined | false): Promise<T> {
  for (const endMs = performance.now() + 10_000; ; ) {
    const value = what();
    if (value) return value;
    if (performance.now() > endMs) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A plain ARI client: fetch for requests, ws for events. */
export async function connect(asterisk: AsteriskSandbox, app = 'test') {
  const credentials = `${asterisk.username}:${asterisk.password}`;
  const events: AriEvent[] = [];
  const socket = new WebSocket(`${asterisk.url.replace('http', 'ws')}/ari/events?app=${app}&api_key=${encodeURIComponent(credentials)}`);
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.on('error', () => {});
  socket.on('message', (data) => events.push(JSON.parse(String(data))));
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  cleanups.push(() => socket.terminate());

  async function rest(method: string, path: string, query: Record<string, string> = {}, body?: unknown) {
    const answer = await fetch(`${asterisk.url}/ari${path}?${new URLSearchParams(query)}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  const find = (type: string, id?: string) =>
    events.find((event) => event.type === type && (id === undefined || (event.channel ?? event.peer)?.id === id));

  return {
    app,
    events,
    socket,
    closed,
    rest,
    find,
    event: (type: string, id?: string) => until(() => find(type, id)),
    typesOf: (id: string) => events.filter((event) => (event.channel ?? event.peer)?.id === id).map((event) => event.type),

    async create(id: string, endpoint: string, variables: Record<string, string> = {}) {
      const answer = await rest('POST', '/channels/create', { endpoint, app, channelId: id }, { variables });
      await until(() => find('StasisStart', id));
      return answer;
    },
    async call(id: string, endpoint: string, timeoutS = 5) {
      await this.create(id, endpoint);
      return rest('POST', `/channels/${id}/dial`, { timeout: String(timeoutS) });
    },

    /** External media, its websocket, and a bridge with the callee. */
    async openMedia(callee: string, format = 'slin16') {
      const { body } = await rest('POST', '/channels/externalMedia', {
        app,
        external_host: 'INCOMING',
        transport: 'websocket',
        encapsulation: 'none',
        format,
      });
      const leg = await openMediaSocket(asterisk, body.channelvars.MEDIA_WEBSOCKET_CONNECTION_ID);
      await until(() => find('StasisStart', body.id));
      const bridge = (await rest('POST', '/bridges', { type: 'mixing' })).body.id as string;
      await rest('POST', `/bridges/${bridge}/addChannel`, { channel: callee });
      await rest('POST', `/bridges/${bridge}/addChannel`, { channel: body.id });
      return { ...leg, id: body.id as string, bridge };
    },
  };
}

export async function openMediaSocket(asterisk: AsteriskSandbox, connectionId: string) {
  const socket = new WebSocket(`${asterisk.url.replace('http', 'ws')}/media/${connectionId}`, 'media');
  const texts: Array<Record<string, unknown>> = [];
  const frames: Buffer[] = [];
  socket.on('message', (data: Buffer, binary) => (binary ? frames.push(data) : texts.push(JSON.parse(String(data)))));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  socket.on('error', () => {});
  cleanups.push(() => socket.terminate());
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    texts,
    frames,
    closed,
    command: (command: string, fields: Record<string, unknown> = {}) => socket.send(JSON.stringify({ command, ...fields })),
    text: (event: string) => until(() => texts.find((text) => text.event === event)),
  };
}

/** The status with which a websocket is refused. */
export function refusedWith(url: string, protocol?: string): Promise<number> {
  const socket = new WebSocket(url, protocol);
  return new Promise((resolve, reject) => {
    socket.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0);
      response.resume();
      socket.terminate();
    });
    socket.on('open', () => {
      socket.terminate();
      reject(new Error('was let in'));
    });
    socket.on('error', () => {});
  });
}
