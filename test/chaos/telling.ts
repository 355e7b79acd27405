import { type GoogleSheetsSandbox, startGoogleSheetsSandbox } from '../../src/sandbox/google-sheets.ts';
import { type SmtpSandbox, startSmtpSandbox } from '../../src/sandbox/smtp.ts';
import { startTelegramSandbox, type TelegramSandbox } from '../../src/sandbox/telegram.ts';
import { startWebhookSink, type WebhookDelivery, type WebhookSink } from '../../src/sandbox/webhook-sink.ts';

/** What those were told who are to hear of calls and of outages. */
export interface Told {
  /** Posted outcomes; one that was sent twice under the same id counts once. */
  outcomes: readonly { number: string; attempt: string; disposition: string }[];
  /** Rows of calls in the spreadsheet. */
  sheet: readonly { attempt: string; disposition: string }[];
  /** First lines, by channel. */
  subjects: Readonly<Record<'telegram' | 'mail' | 'webhook', readonly string[]>>;
  /** As the webhook tells them, each once. */
  alerts: readonly { kind: string; about: string }[];
}

/** Everybody who is told something, each of whom can be away. */
export interface Listeners {
  readonly settings: Record<string, string>;
  readonly telegram: TelegramSandbox;
  readonly mail: SmtpSandbox;
  readonly alerts: WebhookSink;
  readonly outcomes: WebhookSink;
  readonly sheet: GoogleSheetsSandbox;
  told(): Told;
  stop(): Promise<void>;
}

const SECRET = `whsec_${Buffer.from('chaos-chaos-chaos-chaos-chaos-32').toString('base64')}`;
const TOKEN = '42:chaos-chaos-chaos-chaos-chaos';

export async function startListeners(): Promise<Listeners> {
  const telegram = await startTelegramSandbox({ token: TOKEN });
  const mail = await startSmtpSandbox();
  const alerts = await startWebhookSink({ secret: SECRET });
  const outcomes = await startWebhookSink({ secret: SECRET });
  const sheet = await startGoogleSheetsSandbox();
  return {
    ...{ telegram, mail, alerts, outcomes, sheet },
    settings: {
      TELEGRAM_BOT_TOKEN: TOKEN,
      TELEGRAM_CHAT_ID: '7',
      TELEGRAM_API_ROOT: telegram.url,
      ALERT_EMAIL_SMTP_URL: mail.url,
      ALERT_EMAIL_FROM: 'ringfence@example.org',
      ALERT_EMAIL_TO: 'operator@example.org',
      ALERT_WEBHOOK_URL: alerts.hookUrl,
      ALERT_WEBHOOK_SECRET: SECRET,
      ALERT_WEBHOOK_ALLOW_PRIVATE: 'yes',
      OUTCOME_WEBHOOK_URL: outcomes.hookUrl,
      OUTCOME_WEBHOOK_SECRET: SECRET,
      OUTCOME_WEBHOOK_ALLOW_PRIVATE: 'yes',
      GOOGLE_SHEETS_ID: sheet.spreadsheetId,
      GOOGLE_SERVICE_ACCOUNT_JSON: sheet.accountJson,
      GOOGLE_SHEETS_BASE_URL: sheet.url,
    },
    told: () => ({
      outcomes: onceEach(outcomes.deliveries).map(toOutcome),
      sheet: sheet.rows
        .filter((row) => row[KIND] === 'call')
        .map((row) => ({ attempt: String(row[0]), disposition: String(row[DISPOSITION]) })),
      subjects: {
        telegram: telegram.messages.map(({ text }) => text.split('\n')[0] ?? ''),
        mail: mail.mails.map(({ subject }) => subject.replace('[Ringfence] ', '')),
        webhook: onceEach(alerts.deliveries).map(({ body }) => (body as AlertBody).data.subject),
      },
      alerts: onceEach(alerts.deliveries).map(({ body }) => {
        const { type, data } = body as AlertBody;
        return { kind: type, about: data.service ?? data.channel ?? data.campaign ?? '' };
      }),
    }),
    async stop() {
      for (const server of [telegram, mail, alerts, outcomes, sheet]) await server.close();
    },
  };
}

/** Columns of the spreadsheet. */
const KIND = 2;
const DISPOSITION = 11;

interface AlertBody {
  type: string;
  data: { subject: string; service?: string; channel?: string; campaign?: string };
}

/** After a lost answer a delivery is repeated, under its id. */
function onceEach(deliveries: readonly WebhookDelivery[]): WebhookDelivery[] {
  return [...new Map(deliveries.map((delivery) => [delivery.id, delivery])).values()];
}

function toOutcome({ body }: WebhookDelivery): Told['outcomes'][number] {
  const { attemptId, disposition, contact } = (body as { data: { attemptId: string; disposition: string; contact: { phone: string } } })
    .data;
  return { number: contact.phone, attempt: attemptId, disposition };
}
