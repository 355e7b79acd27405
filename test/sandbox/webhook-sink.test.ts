import { createHmac, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startWebhookSink, type WebhookSink, webhookErrors } from '../../src/sandbox/webhook-sink.ts';

const key = randomBytes(24);
let sink: WebhookSink;
beforeEach(async () => {
  sink = await startWebhookSink({ secret: `whsec_${key.toString('base64')}` });
});
afterEach(() => sink.close());

const now = () => Math.floor(Date.now() / 1000);
const sign = (content: string) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
const post = (headers: Record<string, string>, body = '{"a":1}') =>
  fetch(sink.hookUrl, { method: 'POST', headers, body, redirect: 'manual' });
const signed = (timestamp: number) => ({
  'webhook-id': 'm1',
  'webhook-timestamp': String(timestamp),
  'webhook-signature': `v1,AAAA ${sign(`m1.${timestamp}.{"a":1}`)}`,
});

it('a delivery with a good signature is kept', async () => {
  const timestamp = now();
  expect((await post(signed(timestamp))).status).toBe(204);
  expect(sink.deliveries).toEqual([{ id: 'm1', timestamp, body: { a: 1 } }]);
});

it('without a signature, with one of another text, or with an old one it is refused', async () => {
  expect((await post({})).status).toBe(401);
  expect((await post(signed(now()), '{"a":2}')).status).toBe(401);
  expect((await post(signed(now() - 400))).status).toBe(401);
  expect(sink.deliveries).toHaveLength(0);
});

it('it can be gone, or somewhere else', async () => {
  sink.faults.set(webhookErrors.gone410, { times: 1 });
  expect((await post(signed(now()))).status).toBe(410);
  sink.faults.set(webhookErrors.moved301);
  expect((await post(signed(now()))).status).toBe(301);
});
