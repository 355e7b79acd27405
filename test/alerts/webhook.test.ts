import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createWebhookChannel } from '../../src/alerts/webhook.ts';
import { startWebhookSink, type WebhookSink, webhookErrors } from '../../src/sandbox/webhook-sink.ts';
import { isPrivateAddress } from '../../src/webhook/private-address.ts';
import { failureOf, rendered } from './rendered.ts';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const never = new AbortController().signal;
let sink: WebhookSink;
beforeEach(async () => {
  sink = await startWebhookSink({ secret });
});
afterEach(() => sink.close());

const channel = (options: { url?: string; secret?: string; allowPrivate?: boolean } = {}) =>
  createWebhookChannel({ url: sink.hookUrl, secret, allowPrivate: true, ...options });

it('a delivery is signed so that its receiver believes it, and keeps its id when sent again', async () => {
  await channel().send(rendered, never);
  await channel().send(rendered, never);
  expect(sink.deliveries).toMatchObject([
    { id: rendered.id, body: { type: 'breaker-opened' } },
    { id: rendered.id, body: { type: 'breaker-opened' } },
  ]);
});

it('with the wrong secret the endpoint refuses, and the error names the setting', async () => {
  const error = await failureOf(channel({ secret: `whsec_${randomBytes(32).toString('base64')}` }).send(rendered, never));
  expect(error).toMatchObject({ service: 'webhook', category: 'auth', status: 401 });
  expect(error.message).toContain('ALERT_WEBHOOK_SECRET');
});

it('a redirect is a failure and is not followed', async () => {
  sink.faults.set({ kind: 'status', status: 307, headers: { location: `${sink.url}/elsewhere` } });
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({ category: 'permanent', status: 307 });
  expect(sink.faults.requests.map(({ path }) => path)).toEqual(['/hook']);
});

it.each([
  ['gone410', 'permanent', undefined],
  ['notFound404', 'transient', undefined],
  ['tooMany429', 'rate-limited', 3_000],
  ['unavailable503', 'transient', undefined],
] as const)('%s is %s', async (preset, category, retryAfterMs) => {
  sink.faults.set(webhookErrors[preset]);
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({ service: 'webhook', category, retryAfterMs });
});

it.each([
  [301, 'permanent'],
  [400, 'permanent'],
  [403, 'auth'],
  [408, 'transient'],
  [409, 'transient'],
  [422, 'permanent'],
  [500, 'transient'],
  [501, 'transient'],
] as const)('an answer of %i is %s', async (status, category) => {
  sink.faults.set({ kind: 'status', status });
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({ service: 'webhook', category, status });
});

it('an endpoint that hangs is left at the deadline; one whose answer never ends has answered', async () => {
  sink.faults.set({ kind: 'hang' });
  expect(await failureOf(channel().send(rendered, AbortSignal.timeout(100)))).toMatchObject({ category: 'transient', code: 'ETIMEDOUT' });
  sink.faults.set({ kind: 'stall', afterBytes: 0 });
  await channel().send(rendered, never);
});

it.each(['127.0.0.1', 'localhost', '[::1]', '0x7f.1', '[::ffff:127.0.0.1]'])('%s is not posted to unless that is allowed', async (host) => {
  const url = `http://${host}:${sink.port}/hook`;
  const error = await failureOf(channel({ url, allowPrivate: false }).send(rendered, never));
  expect(error).toMatchObject({ category: 'permanent', code: 'private-address' });
  expect(error.message).toContain('ALERT_WEBHOOK_ALLOW_PRIVATE');
  expect(sink.faults.requests).toHaveLength(0);
});

it.each([
  ['10.1.2.3', true],
  ['172.31.255.255', true],
  ['172.32.0.1', false],
  ['169.254.169.254', true],
  ['100.64.0.1', true],
  ['8.8.8.8', false],
  ['::ffff:10.0.0.1', true],
  ['::ffff:8.8.8.8', false],
  ['::1', true],
  ['64:ff9b::a00:1', true],
  ['fe80::1%eth0', true],
  ['fd12::1', true],
  ['2606:4700::1', false],
  ['no address', true],
])('whether %s is private: %s', (address, expected) => {
  expect(isPrivateAddress(address)).toBe(expected);
});
