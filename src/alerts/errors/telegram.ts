import type { ErrorTable } from '../../error-classification/error-table.ts';

/** Telegram's Bot API, as telegraf tells of it. https://core.telegram.org/bots/api#making-requests */
export const TELEGRAM_ERRORS: ErrorTable = {
  label: 'Telegram',
  shape: {
    status: ['response.error_code'],
    // `type` is node-fetch's, for what has no errno.
    code: ['code', 'type'],
    detail: ['response.description'],
    headers: [],
    retryAfterSeconds: ['response.parameters.retry_after'],
  },
  rules: [
    { status: [429], category: 'rate-limited', retryAfterMs: 30_000, hint: 'Too many messages: they wait as long as it says.' },
    // A token that is none at all is answered 404.
    { status: [401, 404], category: 'auth', hint: 'Check TELEGRAM_BOT_TOKEN.' },
    {
      status: [403],
      category: 'permanent',
      hint: 'The bot was blocked or thrown out of the chat: let it in again, or change TELEGRAM_CHAT_ID.',
    },
    { status: [400], category: 'permanent', hint: 'Check TELEGRAM_CHAT_ID, and that the bot is in that chat.' },
    // telegraf's answer to a body that is no JSON: somebody in between answered.
    { code: ['invalid-json'], category: 'transient', hint: 'The answer was not from Telegram: check the proxy in between.' },
    { name: ['FetchError'], category: 'transient', hint: 'The connection failed: check the network if this goes on.' },
  ],
};
