import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ServiceError, UserError } from '../../src/errors.ts';
import { type AriConnection, type AriConnectionOptions, type AriState, createAriConnection } from '../../src/telephony/ari-connection.ts';
import type { ChannelNews } from '../../src/telephony/ari-events.ts';
import { hang, html, inTurn, reset, type ScriptedAsterisk, startScriptedAsterisk, status } from './scripted-asterisk.ts';

/** ari-client is loaded once a process, by whichever test comes first. */
const globalsBefore = new Set(Object.keys(globalThis));
const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
let asterisk: ScriptedAsterisk;
const connections: AriConnection[] = [];

function connect(more: Partial<AriConnectionOptions> = {}): AriConnection {
  const connection = createAriConnection({
    ...{ url: asterisk.url, username: 'worker', password: 'pass-word', app: 'app', logger },
    ...{ requestTimeoutMs: 300, pingIntervalMs: 4_000, reconnectDelaysMs: { first: 10, longest: 50 } },
    ...more,
  });
  connections.push(connection);
  return connection;
}

async function connected(more: Partial<AriConnectionOptions> = {}): Promise<AriConnection> {
  const connection = connect(more);
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
  return connection;
}

function stateOf(connection: AriConnection, wanted: AriState): Promise<void> {
  return vi.waitFor(() => expect(connection.state).toBe(wanted), { timeout: 10_000, interval: 5 });
}

function listen(connection: AriConnection, channelId: string): ChannelNews[] {
  const heard: ChannelNews[] = [];
  connection.onChannel(channelId, (news) => heard.push(news));
  return heard;
}

async function failureOf(promise: Promise<unknown>): Promise<ServiceError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ServiceError)) throw new Error(`expected a ServiceError, got ${String(error)}`);
  return error;
}

beforeEach(async () => {
  vi.clearAllMocks();
  asterisk = await startScriptedAsterisk();
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
  await asterisk.stop();
});

test('a wrong password is said at once, with what to check, and crashes nothing', async () => {
  asterisk.script('ping', status(401, 'Authentication required'));
  const error = await failureOf(connect().waitUntilConnected(AbortSignal.timeout(10_000)));
  expect(error).toMatchObject({ service: 'asterisk', category: 'auth', status: 401 });
  expect(error.message).toContain('ari.conf');
  expect(JSON.stringify([error.message, logger.warn.mock.calls])).not.toContain('pass-word');
});

test('a wrong password that only the event socket notices is said just as well', async () => {
  asterisk.script('events', hang);
  expect(await failureOf(connect().waitUntilConnected(AbortSignal.timeout(10_000)))).toMatchObject({ category: 'auth', status: 401 });
});

test('an Asterisk that is still starting is waited for', async () => {
  asterisk.script(
    'ping',
    inTurn(status(404), status(503, 'Asterisk not booted'), html, hang, reset, ({ proceed }) => proceed()),
  );
  await connected();
  expect(asterisk.count('ping')).toBeGreaterThanOrEqual(6);
  expect(logger.warn).toHaveBeenCalledTimes(1);
});

test("an API description that is a proxy's HTML, cut off or refused crashes nothing and is asked for again", async () => {
  asterisk.script(
    'docs',
    inTurn(
      html,
      status(500),
      reset,
      ({ response }) => response.end('{"apis":[]'),
      ({ proceed }) => proceed(),
    ),
  );
  await connected();
});

test('when nobody is there one hears where it was looked for, as soon as one stops waiting', async () => {
  const freed = createServer();
  await new Promise<void>((resolve) => freed.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(freed.address() as AddressInfo).port}`;
  await new Promise((resolve) => freed.close(resolve));
  const error = await failureOf(connect({ url }).waitUntilConnected(AbortSignal.timeout(100)));
  expect(error).toMatchObject({ code: 'ECONNREFUSED', category: 'transient' });
  expect(error.message).toContain(url);
});

test('an address that is not one of an Asterisk is refused before anything is tried', () => {
  for (const url of ['asterisk', 'ftp://pbx', 'http://pbx/some/path', 'ws://pbx:8088'])
    expect(() => createAriConnection({ url, username: 'u', password: 'p', app: 'a', logger })).toThrow(UserError);
});

test('every operation settles in time and keeps its HTTP status', async () => {
  const connection = await connected();
  asterisk.script('get', status(500, 'Allocation failed'));
  expect(await failureOf(connection.getChannel('a'))).toMatchObject({ status: 500, category: 'transient' });
  asterisk.script('get', hang);
  expect(await failureOf(connection.getChannel('a'))).toMatchObject({ code: 'ETIMEDOUT', category: 'transient' });
  asterisk.script('get', reset);
  expect(await failureOf(connection.getChannel('a'))).toMatchObject({ code: 'ECONNRESET' });
  asterisk.script('get', html);
  expect(await failureOf(connection.getChannel('a'))).toMatchObject({ code: 'not-ari' });
  asterisk.script('get', ({ response }) => response.end('{"id":1}'));
  expect(await failureOf(connection.getChannel('a'))).toMatchObject({ code: 'not-ari' });
  asterisk.script('get', ({ response }) => {
    response.writeHead(200, { 'content-length': 1_000 }).write('{"id"');
    setTimeout(() => response.destroy(), 20);
  });
  expect(await failureOf(connection.getChannel('a'))).toMatchObject({ code: 'answer-cut-off' });
  asterisk.script('get');
  expect(await connection.getChannel('a')).toBeUndefined();
});

test('a redirect is not followed: a dial sent on might ring twice', async () => {
  const connection = await connected();
  asterisk.script('dial', ({ response }) => response.writeHead(307, { location: '/ari/channels/b/dial' }).end());
  expect(await failureOf(connection.dial('a', 5))).toMatchObject({ status: 307 });
  expect(asterisk.count('dial')).toBe(1);
});

test('fifty requests at once share eight connections', async () => {
  const connection = await connected({ requestTimeoutMs: 5_000 });
  await Promise.all(Array.from({ length: 50 }, () => connection.getChannel('a')));
  // And the event socket.
  expect(asterisk.mostConnections).toBeLessThanOrEqual(9);
});

test('two connections with different passwords do not take each other’s', async () => {
  const used: (string | undefined)[] = [];
  asterisk.script('get', ({ request, proceed }) => {
    used.push(request.headers.authorization);
    proceed();
  });
  const [one, two] = [await connected({ password: 'first' }), await connected({ password: 'second', app: 'other' })];
  await Promise.all([one.getChannel('a'), two.getChannel('b')]);
  expect(new Set(used)).toEqual(new Set(['worker:first', 'worker:second'].map((pair) => `Basic ${btoa(pair)}`)));
});

test('ari-client leaves nothing in the global scope and prints nothing', async () => {
  const print = vi.spyOn(console, 'log');
  const connection = await connected();
  await connection.getChannel('a');
  expect(Object.keys(globalThis).filter((name) => !globalsBefore.has(name))).toEqual([]);
  expect(print).not.toHaveBeenCalled();
  print.mockRestore();
});

test('events of an unknown type and broken ones are passed over', async () => {
  const connection = await connected();
  const heard = listen(connection, 'a');
  asterisk.tell({ type: 'InventedTomorrow', channel: { id: 'a', state: 'Up' } });
  for (const text of ['{"type":', '', 'null', '[]', '{"type":7}', '{"type":"StasisStart","channel":"a"}']) asterisk.tellRaw(text);
  asterisk.tellChannel('StasisStart', 'a');
  await vi.waitFor(() => expect(heard).toHaveLength(2));
  expect(connection.state).toBe('connected');
});

test('an event reaches exactly its channel, and what ended is forgotten', async () => {
  const connection = await connected();
  const [heard, otherHalf] = [listen(connection, 'a'), listen(connection, 'a;2')];
  const throwing = connection.onChannel('a', () => {
    throw new Error('a bad listener');
  });
  asterisk.tellChannel('StasisStart', 'a;2');
  asterisk.tell({ type: 'Dial', dialstatus: 'RINGING', peer: { id: 'a', state: 'Down' } });
  asterisk.end('a', 17);
  asterisk.tellChannel('ChannelStateChange', 'a');
  asterisk.end('a;2', 16);
  await vi.waitFor(() => expect(connection.listenedChannels).toBe(0));
  expect(heard.map((news) => news.kind === 'event' && news.event.type)).toEqual(['Dial', 'ChannelDestroyed']);
  expect(otherHalf).toHaveLength(2);
  expect(logger.error).toHaveBeenCalledTimes(2);
  throwing();
});

test('after a lost socket the filter is set again and every channel is asked how it is', async () => {
  const connection = await connected();
  asterisk.living.set('alive', 'Up');
  const [alive, ended] = [listen(connection, 'alive'), listen(connection, 'ended')];
  const states: AriState[] = [];
  connection.onState((state) => states.push(state));
  asterisk.dropEvents();
  await stateOf(connection, 'lost');
  await stateOf(connection, 'connected');
  expect(states).toEqual(['lost', 'connected']);
  expect(alive).toEqual([{ kind: 'read-back', channel: { id: 'alive', state: 'Up' } }]);
  expect(ended).toEqual([{ kind: 'gone', restarted: false }]);
  expect(asterisk.count('filter')).toBe(2);
  expect(connection.listenedChannels).toBe(1);
  expect(asterisk.eventSockets).toBe(1);
});

test('a half-open event socket, which looks like a quiet Asterisk, is noticed and replaced', async () => {
  const connection = await connected({ pingIntervalMs: 250 });
  asterisk.muteEvents();
  await stateOf(connection, 'lost');
  await stateOf(connection, 'connected');
  expect(asterisk.count('events')).toBe(2);
});

test('a quiet event socket that answers pings stays', async () => {
  // A busy machine answers late: the interval is long enough for that, and there are several of them.
  const connection = await connected({ pingIntervalMs: 250 });
  await new Promise((resolve) => setTimeout(resolve, 900));
  expect(connection.state).toBe('connected');
  expect(asterisk.count('events')).toBe(1);
});

test('it is connected again however long Asterisk was away', async () => {
  const connection = await connected();
  asterisk.script('ping', status(503));
  asterisk.dropEvents();
  await vi.waitFor(() => expect(asterisk.count('ping')).toBeGreaterThan(20), { timeout: 10_000 });
  asterisk.script('ping');
  await stateOf(connection, 'connected');
});

test('another process under our name is the end, and said so', async () => {
  const connection = await connected();
  asterisk.tell({ type: 'ApplicationReplaced' });
  await stateOf(connection, 'replaced');
  expect(logger.error.mock.calls[0]?.[1]).toContain('Another process');
  expect(await failureOf(connection.waitUntilConnected())).toMatchObject({ code: 'application-replaced' });
  await vi.waitFor(() => expect(asterisk.eventSockets).toBe(0));
  expect(asterisk.count('events')).toBe(1);
});

test('closing leaves no connection behind, in whatever state it happens', async () => {
  await (await connected()).close();
  asterisk.script('ping', hang);
  const waiting = connect();
  const told = failureOf(waiting.waitUntilConnected());
  await vi.waitFor(() => expect(asterisk.count('ping')).toBeGreaterThan(1));
  await waiting.close();
  expect(await told).toMatchObject({ code: 'closed' });
  await vi.waitFor(() => expect(asterisk.openConnections).toBe(0), { timeout: 5_000 });
});
