import { createHmac } from 'node:crypto';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { createClassify } from '../error-classification/classify.ts';
import { lookupPublic, refusePrivateLiteral } from './private-address.ts';
import { webhookErrors } from './webhook-errors.ts';

export interface WebhookEndpoint {
  url: string;
  /** `whsec_` and 24 to 64 bytes in base64. */
  secret: string;
  /** Addresses in private networks are allowed. */
  allowPrivate: boolean;
}

export interface SignedPostOptions extends WebhookEndpoint {
  /** What an error is said to be of. */
  service: string;
  /** What the settings' names begin with, for a hint to whoever mends it. */
  settings: string;
}

/**
 * Posts once to one endpoint, signed as https://www.standardwebhooks.com says. What was sent may be sent again, under the same id.
 * @throws ServiceError
 */
export type SignedPost = (message: { id: string; body: string }, what: string, signal: AbortSignal) => Promise<void>;

export function createSignedPost({ url, secret, allowPrivate, service, settings }: SignedPostOptions): SignedPost {
  const target = new URL(url);
  const classify = createClassify({ service, table: webhookErrors(settings), secrets: [secret, url, target.password] });
  return async ({ id, body }, what, signal) => {
    try {
      signal.throwIfAborted();
      if (!allowPrivate) refusePrivateLiteral(target.hostname);
      const headers = { 'content-type': 'application/json', ...signatureHeaders(secret, id, body) };
      const answer = await post(target, { body, headers, signal, allowPrivate });
      if (answer.status < 200 || answer.status > 299) throw Object.assign(new Error('refused'), answer);
    } catch (error) {
      throw classify(signal.aborted ? signal.reason : error, what);
    }
  };
}

/** The time is that of this sending, so that an old delivery can't be replayed; the id stays, so that a second sending is known as one. */
function signatureHeaders(secret: string, id: string, body: string): Record<string, string> {
  const timestamp = Math.floor(Date.now() / 1000);
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${signature}` };
}

interface Post {
  body: string;
  headers: Record<string, string>;
  signal: AbortSignal;
  allowPrivate: boolean;
}

/** Resolves with the answer's head. Node's client follows no redirects, and nobody needs the body: it could be endless. */
function post(target: URL, { body, headers, signal, allowPrivate }: Post): Promise<{ status: number; headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const request = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      signal,
      agent: false,
      ...(allowPrivate ? {} : { lookup: lookupPublic }),
    });
    request.on('error', reject);
    request.on('response', (response) => {
      response.on('error', () => {});
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
      response.destroy();
    });
    request.end(body);
  });
}
