import type { WebhookEndpoint } from '../webhook/signed-post.ts';
import { choice, type Settings, url, type Values, webhookSecret } from './setting.ts';

/** Who is told how each call ended. */
export const OUTCOME_WEBHOOK_SETTINGS = {
  OUTCOME_WEBHOOK_URL: url('Where the outcome of each attempt is posted to, signed as standardwebhooks.com says. Unset: nowhere', [
    'http:',
    'https:',
  ]),
  OUTCOME_WEBHOOK_SECRET: webhookSecret('Secret of those signatures, shared with the receiver'),
  OUTCOME_WEBHOOK_ALLOW_PRIVATE: choice('Whether outcomes may be posted to an address in a private network', ['no', 'yes'], 'no'),
} as const satisfies Settings;

/** They only work together: both, or none. */
export const OUTCOME_WEBHOOK = ['OUTCOME_WEBHOOK_URL', 'OUTCOME_WEBHOOK_SECRET'] as const;

/** Undefined where nobody is told. */
export function readOutcomeWebhook({ has, string }: Values<keyof typeof OUTCOME_WEBHOOK_SETTINGS>): WebhookEndpoint | undefined {
  if (!has('OUTCOME_WEBHOOK_URL')) return undefined;
  return {
    url: string('OUTCOME_WEBHOOK_URL'),
    secret: string('OUTCOME_WEBHOOK_SECRET'),
    allowPrivate: string('OUTCOME_WEBHOOK_ALLOW_PRIVATE') === 'yes',
  };
}
