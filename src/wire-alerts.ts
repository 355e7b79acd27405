import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Alert } from './alerts/alert.ts';
import { type AlertWorkers, createAlertWorkers } from './alerts/alert-workers.ts';
import { type Alerts, createAlerts } from './alerts/alerts.ts';
import type { Channel } from './alerts/channel.ts';
import { createEmailChannel } from './alerts/email.ts';
import { createTelegramChannel } from './alerts/telegram.ts';
import { createWebhookChannel } from './alerts/webhook.ts';
import type { AlertSettings, Config } from './config.ts';
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
  const channels = configuredChannels(config.alerts);
  return createAlerts({ redis, prefix, channels, windowMs: config.alerts.windowMs, log, redact: createRedactor(config.secrets) });
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

function configuredChannels({ email, telegram, webhook }: AlertSettings): Channel['name'][] {
  return [...(email ? (['email'] as const) : []), ...(telegram ? (['telegram'] as const) : []), ...(webhook ? (['webhook'] as const) : [])];
}

function createChannels({ email, telegram, webhook }: AlertSettings, log: Logger): Channel[] {
  return [
    ...(email ? [createEmailChannel({ ...email, log })] : []),
    ...(telegram ? [createTelegramChannel({ ...telegram, log })] : []),
    ...(webhook ? [createWebhookChannel(webhook)] : []),
  ];
}

/** At the start: who will be told, and who won't. */
export function describeChannels(settings: AlertSettings): string {
  const on = configuredChannels(settings);
  const off = (['email', 'telegram', 'webhook'] as const).filter((name) => !on.includes(name));
  return `alerts go to ${on.join(', ') || 'nobody'}; not configured and off: ${off.join(', ') || 'none'}`;
}

/** What a breaker's change means to a human. One that a human opened is no news to them. */
export function alertOf(change: BreakerChange, now: number): Alert | undefined {
  const { service } = change;
  if (change.kind === 'breaker-closed') {
    return { kind: 'breaker-closed', service, at: now, openForMs: change.openForMs, heldBack: change.heldBack };
  }
  const { category, message, code } = change.cause;
  if (category === 'manual') return undefined;
  const sip = /^sip-(\d{3})$/.exec(code)?.[1];
  const trunk = service.startsWith('trunk:')
    ? { name: service.slice('trunk:'.length), sipStatus: sip === undefined ? undefined : Number(sip) }
    : undefined;
  return { kind: 'breaker-opened', service, since: change.since, category, reason: message, trunk };
}
