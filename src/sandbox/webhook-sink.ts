import { createHmac, timingSafeEqual } from 'node:crypto';
import { createFaultSwitch, type Fault } from './faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from './sandbox-server.ts';

export interface WebhookSinkOptions {
  /** `whsec_…`. With it, a delivery that isn't signed with it is answered 401 and not kept. */
  secret?: string | undefined;
  port?: number | undefined;
}

/** A delivery that was taken. */
export interface WebhookDelivery {
  /** The same however often one message is sent. */
  id: string;
  /** Of the sending, as signed. Unix seconds. */
  timestamp: number;
  body: unknown;
}

export interface WebhookSink extends SandboxServer {
  /** Where deliveries are posted to. */
  readonly hookUrl: string;
  readonly deliveries: WebhookDelivery[];
}

const refuse = (status: number, headers?: Record<string, string>): Fault => ({ kind: 'status', status, ...(headers && { headers }) });

export const webhookErrors = {
  moved301: refuse(301, { location: '/elsewhere' }),
  gone410: refuse(410),
  notFound404: refuse(404),
  tooMany429: refuse(429, { 'retry-after': '3' }),
  unavailable503: refuse(503),
} as const satisfies Record<string, Fault>;

/** https://www.standardwebhooks.com: how old or how far ahead a delivery may be. */
const TOLERANCE_S = 5 * 60;

/** Somebody's server that takes webhooks and believes only those with a good signature. */
export async function startWebhookSink(options: WebhookSinkOptions = {}): Promise<WebhookSink> {
  const deliveries: WebhookDelivery[] = [];
  const faults = createFaultSwitch({ presets: webhookErrors });
  const app = createSandboxApp(faults);
  // The signature covers the bytes as sent.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.post('/*', (request, reply) => {
    const id = String(request.headers['webhook-id'] ?? '');
    const timestamp = Number(request.headers['webhook-timestamp']);
    const body = String(request.body);
    if (options.secret !== undefined) {
      const signatures = String(request.headers['webhook-signature'] ?? '').split(' ');
      const fresh = Math.abs(Date.now() / 1000 - timestamp) <= TOLERANCE_S;
      if (id === '' || !fresh || !isSigned({ secret: options.secret, content: `${id}.${timestamp}.${body}`, signatures })) {
        return reply.code(401).send({ error: 'bad signature' });
      }
    }
    deliveries.push({ id, timestamp, body: JSON.parse(body) });
    return reply.code(204).send();
  });
  const server = await listenOnLoopback(app, faults, options.port);
  return { ...server, hookUrl: `${server.url}/hook`, deliveries };
}

function isSigned({ secret, content, signatures }: { secret: string; content: string; signatures: string[] }): boolean {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(content).digest('base64')}`);
  return signatures.some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
