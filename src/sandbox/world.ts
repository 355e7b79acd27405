import { type AsteriskSandbox, startAsteriskSandbox } from './asterisk/asterisk-sandbox.ts';
import { type DeepgramSandbox, startDeepgramSandbox } from './deepgram/deepgram-sandbox.ts';
import { type ElevenLabsSandbox, startElevenLabsSandbox } from './elevenlabs/elevenlabs-sandbox.ts';
import { type GoogleSheetsSandbox, startGoogleSheetsSandbox } from './google-sheets.ts';
import { type HubSpotSandbox, type HubSpotSandboxOptions, startHubSpotSandbox } from './hubspot/hubspot-sandbox.ts';
import { type OpenAiSandbox, startOpenAiSandbox } from './openai/openai-sandbox.ts';
import { loadPeople, type People } from './people/people.ts';
import { startPeopleApp } from './people/people-app.ts';
import { startRealAsterisk } from './real-asterisk.ts';
import { type SmtpSandbox, startSmtpSandbox } from './smtp.ts';
import { startTelegramSandbox, type TelegramSandbox } from './telegram.ts';
import { startWebhookSink, type WebhookSink } from './webhook-sink.ts';

export interface WorldOptions {
  /** `real` brings up a real Asterisk (unpacked below `dataDir` when it isn't there yet) with the same people behind it. */
  asterisk: 'sandbox' | 'real';
  dataDir: string;
  /** Contacts that the CRM knows. */
  crmContacts?: HubSpotSandboxOptions['contacts'];
  /** More trunks of the sandbox Asterisk, `PJSIP/name`; the same people are behind each. */
  trunks?: readonly string[];
}

/** The world outside, in miniature: everything that a worker talks to, on loopback. */
export interface World {
  /** Environment settings that point a worker at this world. */
  readonly settings: Record<string, string>;
  /** Dials the people who live here. */
  readonly dialString: string;
  readonly people: People;
  readonly elevenLabs: ElevenLabsSandbox;
  readonly openAi: OpenAiSandbox;
  readonly deepgram: DeepgramSandbox;
  readonly hubSpot: HubSpotSandbox;
  readonly googleSheets: GoogleSheetsSandbox;
  /** Where alerts arrive. */
  readonly telegram: TelegramSandbox;
  readonly smtp: SmtpSandbox;
  readonly webhook: WebhookSink;
  /** Where outcomes arrive. */
  readonly outcomes: WebhookSink;
  /** Undefined with a real Asterisk. */
  readonly asterisk: AsteriskSandbox | undefined;
  stop(): Promise<void>;
}

/** 24 bytes, as Standard Webhooks wants them. */
const WEBHOOK_SECRET = `whsec_${Buffer.from('sandbox webhook secret 1').toString('base64')}`;
const TELEGRAM_TOKEN = '100200300:sandbox-telegram-token-of-this-world';

const KEYS = {
  elevenLabs: 'sandbox-elevenlabs-key',
  openAi: 'sandbox-openai-key',
  deepgram: 'sandbox-deepgram-key',
  hubSpot: 'sandbox-hubspot-token',
};

export async function startWorld({ asterisk: kind, dataDir, crmContacts = [], trunks = [] }: WorldOptions): Promise<World> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  const keep = <T extends { close(): Promise<void> }>(server: T): T => {
    stops.push(() => server.close());
    return server;
  };
  try {
    const people = loadPeople();
    const elevenLabs = keep(await startElevenLabsSandbox({ apiKey: KEYS.elevenLabs }));
    const openAi = keep(await startOpenAiSandbox({ apiKey: KEYS.openAi }));
    const deepgram = keep(await startDeepgramSandbox({ apiKey: KEYS.deepgram }));
    const hubSpot = keep(await startHubSpotSandbox({ accessToken: KEYS.hubSpot, contacts: crmContacts }));
    const googleSheets = keep(await startGoogleSheetsSandbox());
    const telegram = keep(await startTelegramSandbox({ token: TELEGRAM_TOKEN }));
    const smtp = keep(await startSmtpSandbox());
    const webhook = keep(await startWebhookSink({ secret: WEBHOOK_SECRET }));
    const outcomes = keep(await startWebhookSink({ secret: WEBHOOK_SECRET }));
    const { asterisk, ari, dialString } = await (kind === 'real'
      ? realAsterisk(dataDir, people, stops)
      : sandboxAsterisk(people, trunks, keep));
    const settings = {
      ...ari,
      ELEVENLABS_API_KEY: KEYS.elevenLabs,
      ELEVENLABS_BASE_URL: elevenLabs.url,
      OPENAI_API_KEY: KEYS.openAi,
      OPENAI_BASE_URL: openAi.baseUrl,
      DEEPGRAM_API_KEY: KEYS.deepgram,
      DEEPGRAM_BASE_URL: deepgram.url,
      DEEPGRAM_AGENT_URL: deepgram.url,
      HUBSPOT_ACCESS_TOKEN: KEYS.hubSpot,
      HUBSPOT_BASE_URL: hubSpot.url,
      GOOGLE_SHEETS_ID: googleSheets.spreadsheetId,
      GOOGLE_SERVICE_ACCOUNT_JSON: googleSheets.accountJson,
      GOOGLE_SHEETS_BASE_URL: googleSheets.url,
      ALERT_EMAIL_SMTP_URL: smtp.url,
      ALERT_EMAIL_FROM: 'ringfence@example.org',
      ALERT_EMAIL_TO: 'on-call@example.org',
      TELEGRAM_BOT_TOKEN: TELEGRAM_TOKEN,
      TELEGRAM_CHAT_ID: '-100200300',
      TELEGRAM_API_ROOT: telegram.url,
      ALERT_WEBHOOK_URL: webhook.hookUrl,
      ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET,
      ALERT_WEBHOOK_ALLOW_PRIVATE: 'yes',
      OUTCOME_WEBHOOK_URL: outcomes.hookUrl,
      OUTCOME_WEBHOOK_SECRET: WEBHOOK_SECRET,
      OUTCOME_WEBHOOK_ALLOW_PRIVATE: 'yes',
    };
    return {
      settings,
      dialString,
      people,
      elevenLabs,
      openAi,
      deepgram,
      hubSpot,
      googleSheets,
      telegram,
      smtp,
      webhook,
      outcomes,
      asterisk,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function sandboxAsterisk(people: People, trunks: readonly string[], keep: <T extends { close(): Promise<void> }>(server: T) => T) {
  const asterisk = keep(await startAsteriskSandbox({ people, endpoints: ['PJSIP/people', 'Local/people', ...trunks] }));
  const ari = { ARI_URL: asterisk.url, ARI_USERNAME: asterisk.username, ARI_PASSWORD: asterisk.password };
  return { asterisk, ari, dialString: 'PJSIP/{e164}@people' };
}

async function realAsterisk(dataDir: string, people: People, stops: (() => Promise<void>)[]) {
  const real = await startRealAsterisk({ dataDir });
  stops.push(() => real.stop());
  const app = await startPeopleApp(real, people);
  stops.push(() => app.stop());
  const ari = { ARI_URL: real.ariUrl, ARI_USERNAME: real.username, ARI_PASSWORD: real.password };
  return { asterisk: undefined, ari, dialString: real.dialStrings.people as string };
}
