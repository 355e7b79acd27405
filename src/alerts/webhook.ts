import { createSignedPost, type WebhookEndpoint } from '../webhook/signed-post.ts';
import type { Channel } from './channel.ts';

export function createWebhookChannel(endpoint: WebhookEndpoint): Channel {
  const post = createSignedPost({ ...endpoint, service: 'webhook', settings: 'ALERT_WEBHOOK' });
  return {
    name: 'webhook',
    send: ({ id, webhook: body }, signal) => post({ id, body }, 'alert', signal),
  };
}
