import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import { createAriTarget, exchange } from '../../src/telephony/ari-transport.ts';
import { isNeverSent } from '../../src/telephony/asterisk-errors.ts';

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

/** What a request says of an Asterisk that answers so. */
async function failure(answer: RequestListener, timeoutMs = 10_000): Promise<ServiceError> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const target = createAriTarget(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'user', 'pass');
  close = () =>
    new Promise((done) => {
      target.agent.destroy();
      server.close(() => done());
      server.closeAllConnections();
    });
  const error = await exchange(target, { method: 'GET', path: '/ari/channels/a?phone=+12025550123', timeoutMs }).catch(
    (thrown: unknown) => thrown,
  );
  if (error instanceof ServiceError) return error;
  throw new Error(`expected a ServiceError, got ${String(error)}`);
}

const status =
  (code: number, body = '', headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(code, headers).end(body);
  };

describe('what Asterisk answers is told for what it is', () => {
  it.each([
    [400, 'permanent', 'http-400'],
    [401, 'auth', 'wrong-credentials'],
    [403, 'auth', 'forbidden'],
    [404, 'permanent', 'not-found'],
    [409, 'permanent', 'conflict'],
    [412, 'permanent', 'conflict'],
    [422, 'permanent', 'bad-parameters'],
    [429, 'rate-limited', 'rate-limited'],
    [500, 'transient', 'http-500'],
    [502, 'transient', 'http-502'],
    [503, 'transient', 'not-ready'],
    [302, 'transient', 'not-ari'],
  ] as const)('%i: %s, %s', async (code, category, word) => {
    expect(await failure(status(code))).toMatchObject({ service: 'asterisk', status: code, category, code: word });
  });

  it('with its own words and what to do, and without the number that stands in the query', async () => {
    const error = await failure(status(403, '{"message":"This is a read-only user"}'));
    expect(error.message).toBe(
      'Asterisk, GET /ari/channels/a: answered 403 (forbidden), saying "This is a read-only user". The ARI user may only read: set read_only = no in ari.conf.',
    );
  });

  it('and it is asked again when it, or the proxy before it, says', async () => {
    expect(await failure(status(503, '', { 'retry-after': '3' }))).toMatchObject({ category: 'transient', retryAfterMs: 3_000 });
  });
});

it('no answer is transient, and is known not to have been sent only where that is certain', async () => {
  const cut = await failure((request) => request.socket.destroy());
  expect([cut.category, cut.code, isNeverSent(cut)]).toEqual(['transient', 'ECONNRESET', false]);
  const late = await failure(() => {}, 50);
  expect([late.category, late.code, isNeverSent(late)]).toEqual(['transient', 'ETIMEDOUT', false]);
});
