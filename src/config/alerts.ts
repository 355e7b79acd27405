import { choice, form, ms, type Settings, url, type Values, webhookSecret } from './setting.ts';

/** `a@b.org`, or `Name <a@b.org>`. */
const MAIL_ADDRESS = /^([^<>,@]*<[^\s,@<>]+@[^\s,@<>]+>|[^\s,@<>]+@[^\s,@<>]+)$/;
const MAIL_ADDRESSES = /^[^\s,@]+@[^\s,@]+(\s*,\s*[^\s,@]+@[^\s,@]+)*$/;

/** Whom alerts go to. */
export const ALERT_SETTINGS = {
  ALERT_EMAIL_SMTP_URL: {
    ...url('Mail server that alerts are sent through, with user and password: smtp://user:password@host:587. Unset: no mail', [
      'smtp:',
      'smtps:',
    ]),
    secret: true,
  },
  ALERT_EMAIL_FROM: form('Sender of those mails', 'address', MAIL_ADDRESS, 'a mail address'),
  ALERT_EMAIL_TO: form('Who gets them, separated by commas', 'addresses', MAIL_ADDRESSES, 'mail addresses separated by commas'),
  TELEGRAM_BOT_TOKEN: {
    ...form(
      'Bot that writes alerts, as @BotFather gives it. Unset: no Telegram',
      'secret',
      /^\d+:[\w-]{20,}$/,
      "a bot's token: digits, a colon, letters",
    ),
    secret: true,
  },
  TELEGRAM_CHAT_ID: form('Chat that it writes to', 'chat', /^(-?\d+|@\w+)$/, 'a number, negative for a group, or @name of a channel'),
  TELEGRAM_API_ROOT: url('Where Telegram is reached', ['http:', 'https:'], 'https://api.telegram.org'),
  ALERT_WEBHOOK_URL: url('Where alerts are posted to, signed as standardwebhooks.com says. Unset: no webhook', ['http:', 'https:']),
  ALERT_WEBHOOK_SECRET: webhookSecret('Secret of the signatures, shared with the receiver'),
  ALERT_WEBHOOK_ALLOW_PRIVATE: choice('Whether that address may lie in a private network', ['no', 'yes'], 'no'),
  ALERT_WINDOW: ms('How long what follows an alert is only counted, and then told in one line', 300_000, 86_400_000),
  RUNBOOK_URL: url('Where you publish docs/operations.md, for the links in alerts. Unset: they name the file', ['http:', 'https:']),
} as const satisfies Settings;

/** Settings that only work together: all of them, or none. */
export const ALERT_CHANNELS = [
  ['ALERT_EMAIL_SMTP_URL', 'ALERT_EMAIL_FROM', 'ALERT_EMAIL_TO'],
  ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_CHAT_ID'],
  ['ALERT_WEBHOOK_URL', 'ALERT_WEBHOOK_SECRET'],
] as const;

export interface AlertSettings {
  windowMs: number;
  runbookUrl: string | undefined;
  /** Undefined where a channel is off. */
  email: { smtpUrl: string; from: string; to: string[] } | undefined;
  telegram: { token: string; chatId: string; apiRoot: string } | undefined;
  webhook: { url: string; secret: string; allowPrivate: boolean } | undefined;
}

export function readAlerts({ string, number }: Values<keyof typeof ALERT_SETTINGS>): AlertSettings {
  const [smtpUrl, token, url] = [string('ALERT_EMAIL_SMTP_URL'), string('TELEGRAM_BOT_TOKEN'), string('ALERT_WEBHOOK_URL')];
  const to = string('ALERT_EMAIL_TO')
    .split(',')
    .map((address) => address.trim());
  return {
    windowMs: number('ALERT_WINDOW'),
    runbookUrl: string('RUNBOOK_URL') || undefined,
    email: smtpUrl ? { smtpUrl, from: string('ALERT_EMAIL_FROM'), to } : undefined,
    telegram: token ? { token, chatId: string('TELEGRAM_CHAT_ID'), apiRoot: string('TELEGRAM_API_ROOT') } : undefined,
    webhook: url
      ? { url, secret: string('ALERT_WEBHOOK_SECRET'), allowPrivate: string('ALERT_WEBHOOK_ALLOW_PRIVATE') === 'yes' }
      : undefined,
  };
}
