import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { vi } from 'vitest';
import type { Alert, ChannelName } from '../../src/alerts/alert.ts';
import { createAlertWorkers } from '../../src/alerts/alert-workers.ts';
import { createAlerts } from '../../src/alerts/alerts.ts';
import { createEmailChannel } from '../../src/alerts/email.ts';
import { createTelegramChannel } from '../../src/alerts/telegram.ts';
import { createWebhookChannel } from '../../src/alerts/webhook.ts';
import { startSmtpSandbox } from '../../src/sandbox/smtp.ts';
import { startTelegramSandbox } from '../../src/sandbox/telegram.ts';
import { startWebhookSink } from '../../src/sandbox/webhook-sink.ts';
import { keptLog } from './rendered.ts';

export const WINDOW_MS = 300_000;
const START = Date.parse('2026-11-22T09:00:00Z');

export interface AlertingOptions {
  redisUrl: string;
  /** Waits between deliveries of one message. Milliseconds. */
  waitsMs?: number[];
}

/** Everything between an alert and the people who read it: a real Redis, real queues, and three channels on loopback. The window's clock is ours. */
export async function startAlerting({ redisUrl, waitsMs = [20, 20] }: AlertingOptions) {
  const prefix = `test-${randomUUID()}`;
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const [telegram, smtp, sink] = await Promise.all([startTelegramSandbox(), startSmtpSandbox(), startWebhookSink({ secret })]);
  const deadLetterDir = await mkdtemp(join(tmpdir(), 'ringfence-alerts-'));
  const log = keptLog();
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const names: ChannelName[] = ['email', 'telegram', 'webhook'];
  let now = START;
  const shared = { redis, prefix, windowMs: WINDOW_MS, log, clock: () => now };
  // Two call workers.
  const processes = [0, 1].map(() => createAlerts({ ...shared, channels: names }));
  const [alerts, other] = processes as [(typeof processes)[0], (typeof processes)[0]];
  const workers = createAlertWorkers({
    ...shared,
    channels: [
      createEmailChannel({ smtpUrl: smtp.url, from: 'agent@example.com', to: ['ops@example.com'], log }),
      createTelegramChannel({ token: '1:sandbox-token-of-some-length', chatId: '-7', apiRoot: telegram.url, log }),
      createWebhookChannel({ url: sink.hookUrl, secret, allowPrivate: true }),
    ],
    deadLetterDir,
    raise: (alert) => alerts.raise(alert),
    waitsMs,
    lookEveryMs: 10,
  });
  workers.start();

  const subjects = {
    email: () => smtp.mails.map(({ subject }) => subject.replace('[Ringfence] ', '')),
    telegram: () => telegram.messages.map(({ text }) => text.split('\n')[0] ?? ''),
    webhook: () => sink.deliveries.map(({ body }) => (body as { data: { subject: string } }).data.subject),
  };
  const everywhere = (expected: string[], channels: ChannelName[] = names) =>
    vi.waitFor(
      () => {
        for (const name of channels)
          if (JSON.stringify(subjects[name]()) !== JSON.stringify(expected))
            throw new Error(`${name}: ${JSON.stringify(subjects[name]())}`);
      },
      { timeout: 10_000, interval: 10 },
    );

  return {
    alerts,
    other,
    workers,
    redis,
    prefix,
    telegram,
    smtp,
    sink,
    deadLetterDir,
    log,
    subjects,
    /** Raises in the first process, and waits until the fleet knows. */
    async raise(...raised: Alert[]) {
      for (const alert of raised) alerts.raise(alert);
      await alerts.settled();
    },
    now: () => now,
    pass(ms: number) {
      now += ms;
    },
    /** Waits until exactly these have been told on each channel. */
    everywhere,
    async close() {
      await workers.stop();
      await Promise.all(processes.map((one) => one.stop()));
      await Promise.all([telegram.close(), smtp.close(), sink.close()]);
      const keys = await redis.keys(`${prefix}:*`);
      if (keys.length > 0) await redis.del(...keys);
      await redis.quit();
      await rm(deadLetterDir, { recursive: true, force: true });
    },
  };
}

export type Alerting = Awaited<ReturnType<typeof startAlerting>>;

export const opened = (
  at: number,
  service = 'elevenlabs:text-to-speech',
  category: 'transient' | 'auth' | 'quota' = 'transient',
): Alert => ({
  kind: 'breaker-opened',
  service,
  since: at,
  category,
  reason: 'ElevenLabs, text-to-speech: answered 503.',
});
export const closed = (at: number, heldBack = 0, service = 'elevenlabs:text-to-speech'): Alert => ({
  kind: 'breaker-closed',
  service,
  at,
  openForMs: 720_000,
  heldBack,
});
export const failed = (number: number, at: number, service: string | undefined = 'elevenlabs:text-to-speech'): Alert => ({
  kind: 'call-failed',
  attempt: `attempt-${number}`,
  campaign: 'reminder',
  phone: '+12025550123',
  reason: 'ElevenLabs answered 503 four times',
  ...(service === '' ? {} : { service }),
  at,
});
