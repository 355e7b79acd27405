import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Alert, ChannelName } from './alerts/alert.ts';
import { type AlertWorkers, createAlertWorkers } from './alerts/alert-workers.ts';
import { type Alerts, createAlerts } from './alerts/alerts.ts';
import { breakerAlert } from './alerts/breaker-alert.ts';
import type { Channel } from './alerts/channel.ts';
import { createEmailChannel } from './alerts/email.ts';
import { createTelegramChannel } from './alerts/telegram.ts';
import { createWebhookChannel } from './alerts/webhook.ts';
import type { AlertSettings } from './config/alerts.ts';
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import { createRedactor } from './redaction.ts';
import type { BreakerChange } from './resilience/breaker.ts';

export interface AlertParts {
  config: Config;
  redis: Redis;
  prefix: string;
  log: Logger;
}

/** Where a process raises alerts. Any process may; sending is the delivery workers' work. */
export function wireAlerts({ config, redis, prefix, log }: AlertParts): Alerts {
  const { on, off } = alertChannels(config.alerts);
  for (const why of off) log.info({}, why);
  return createAlerts({ redis, prefix, channels: on, windowMs: config.alerts.windowMs, log, redact: createRedactor(config.secrets) });
}

export function wireAlertWorkers({ config, redis, prefix, log }: AlertParts, raise: (alert: Alert) => void): AlertWorkers {
  const { windowMs, runbookUrl } = config.alerts;
  const deadLetterDir = join(config.dataDir, 'dead-letters');
  return createAlertWorkers({
    redis,
    prefix,
    channels: createChannels(config.alerts, log),
    windowMs,
    runbookUrl,
    deadLetterDir,
    raise,
    log,
  });
}

const SWITCHES = { email: 'ALERT_EMAIL_SMTP_URL', telegram: 'TELEGRAM_BOT_TOKEN', webhook: 'ALERT_WEBHOOK_URL' } as const;
const NAMES = ['email', 'telegram', 'webhook'] as const;

/** The channels that are configured; of the others, in a sentence each, why they are off. */
export function alertChannels(settings: AlertSettings): { on: ChannelName[]; off: string[] } {
  return {
    on: NAMES.filter((name) => settings[name] !== undefined),
    off: NAMES.filter((name) => settings[name] === undefined).map((name) => `Alerts by ${name} are off: ${SWITCHES[name]} is not set.`),
  };
}

function createChannels({ email, telegram, webhook }: AlertSettings, log: Logger): Channel[] {
  return [
    ...(email ? [createEmailChannel({ ...email, log })] : []),
    ...(telegram ? [createTelegramChannel({ ...telegram, log })] : []),
    ...(webhook ? [createWebhookChannel(webhook)] : []),
  ];
}

/** What a breaker's change means to a human. */
export function alertOf(change: BreakerChange, now: number): Alert {
  const { service } = change;
  const sip = change.kind === 'breaker-opened' ? /^sip-(\d{3})$/.exec(change.cause.code)?.[1] : undefined;
  const isTrunk = service.startsWith('trunk:');
  const trunk = isTrunk ? { name: service.slice('trunk:'.length), sipStatus: sip === undefined ? undefined : Number(sip) } : undefined;
  return breakerAlert(change, now, trunk);
}
