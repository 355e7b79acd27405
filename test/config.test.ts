import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, SETTINGS } from '../src/config.ts';

const call = { ARI_USERNAME: 'u', ARI_PASSWORD: 'p', ELEVENLABS_API_KEY: 'e', OPENAI_API_KEY: 'o' };

it('every problem of the settings is told at once, with the name, what was found and what is expected', () => {
  const problems = () => loadConfig(['call', 'web'], { CALL_CONCURRENCY: 'many', ARI_URL: 'asterisk', WEB_PORT: '70000' });
  expect(problems).toThrow(/CALL_CONCURRENCY is "many"\. Expected: a whole number from 1 to 500/);
  expect(problems).toThrow(/ARI_URL is "asterisk"\. Expected: an address that starts with http:\/\//);
  expect(problems).toThrow(/WEB_PORT is "70000"/);
  expect(problems).toThrow(/ELEVENLABS_API_KEY is not set/);
  expect(problems).toThrow(/WEB_PASSWORD is not set/);
});

it('enqueueing needs no keys', () => {
  expect(loadConfig(['enqueue'], {}).queuePrefix).toBe('ringfence');
});

it('an unusable secret is told of without its value', () => {
  expect(() => loadConfig(['call'], { ...call, REDIS_URL: 'http://x' })).toThrow(/REDIS_URL is "http:\/\/x"/);
  expect(loadConfig(['call'], { ...call, ARI_PASSWORD: 'p@ss' }).secrets).toContain('p@ss');
});

it('.env.example lists every variable with its unit and default, and nothing else', () => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const listed = [...example.matchAll(/^#?\s?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
  const expected = Object.entries(SETTINGS).map(([name, setting]) => [name, 'default' in setting ? setting.default : '']);
  expect(listed).toEqual(expected);
  for (const [name, setting] of Object.entries(SETTINGS)) {
    expect(example, name).toContain(`# ${setting.help} [${setting.unit}]`);
  }
});

it('an alert channel that is half configured is a problem; one that is not configured at all is off', () => {
  expect(loadConfig(['enqueue'], {}).alerts).toMatchObject({
    email: undefined,
    telegram: undefined,
    webhook: undefined,
    windowMs: 300_000,
  });
  const half = () =>
    loadConfig(['enqueue'], {
      TELEGRAM_BOT_TOKEN: '4242:sandbox-token-of-some-length',
      ALERT_EMAIL_TO: 'ops@example.com',
      ALERT_WEBHOOK_SECRET: 'whsec_short',
    });
  expect(half).toThrow(/TELEGRAM_CHAT_ID is not set, but TELEGRAM_BOT_TOKEN is\./);
  expect(half).toThrow(/ALERT_EMAIL_SMTP_URL is not set, but ALERT_EMAIL_TO is\./);
  expect(half).toThrow(/ALERT_EMAIL_FROM is not set/);
  expect(half).toThrow(/ALERT_WEBHOOK_URL is not set, but ALERT_WEBHOOK_SECRET is\./);
  expect(half).toThrow(/ALERT_WEBHOOK_SECRET is not usable/);
  expect(half).not.toThrow(/sandbox-token|whsec_short/);
});

it('the password in an address is a secret too', () => {
  const mail = {
    ALERT_EMAIL_SMTP_URL: 'smtp://u:p%40ss@mail:587',
    ALERT_EMAIL_FROM: 'Agent <a@example.com>',
    ALERT_EMAIL_TO: 'x@example.com, y@example.com',
  };
  const { alerts, secrets } = loadConfig(['enqueue'], mail);
  expect(alerts.email?.to).toEqual(['x@example.com', 'y@example.com']);
  expect(secrets).toEqual(expect.arrayContaining([mail.ALERT_EMAIL_SMTP_URL, 'p%40ss', 'p@ss']));
});

describe('a spreadsheet', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ringfence-account-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const json = JSON.stringify({ type: 'service_account', client_email: 'a@b.iam.gserviceaccount.com', private_key: privateKey });
  const file = join(dir, 'account.json');
  writeFileSync(file, json);
  const load = (env: Record<string, string>) => loadConfig(['delivery'], env);

  it('is off when nothing of it is set', () => {
    expect(load({}).googleSheets).toBeUndefined();
  });

  it('takes its account from a file or from the environment, and the key is never logged', () => {
    for (const account of [{ GOOGLE_SERVICE_ACCOUNT_FILE: file }, { GOOGLE_SERVICE_ACCOUNT_JSON: json }]) {
      const { googleSheets, secrets } = load({ GOOGLE_SHEETS_ID: 'x1', ...account });
      expect(googleSheets).toEqual({
        spreadsheetId: 'x1',
        baseUrl: 'https://sheets.googleapis.com',
        clientEmail: 'a@b.iam.gserviceaccount.com',
        privateKey,
      });
      expect(secrets).toContain(privateKey);
    }
  });

  it('that is half configured stops the start, without the key in the message', () => {
    expect(() => load({ GOOGLE_SHEETS_ID: 'x1' })).toThrow(/GOOGLE_SHEETS_ID is set, but no service account is/);
    expect(() => load({ GOOGLE_SERVICE_ACCOUNT_FILE: file })).toThrow(/GOOGLE_SHEETS_ID is not/);
    expect(() => load({ GOOGLE_SHEETS_ID: 'x1', GOOGLE_SERVICE_ACCOUNT_FILE: file, GOOGLE_SERVICE_ACCOUNT_JSON: json })).toThrow(
      /both set/,
    );
    expect(() => load({ GOOGLE_SHEETS_ID: 'x1', GOOGLE_SERVICE_ACCOUNT_FILE: join(dir, 'none') })).toThrow(
      /Expected: a key file of a service account/,
    );
    const damaged = json.replaceAll('A', 'B');
    expect(() => load({ GOOGLE_SHEETS_ID: 'x1', GOOGLE_SERVICE_ACCOUNT_JSON: damaged })).toThrow(
      /GOOGLE_SERVICE_ACCOUNT_JSON is not usable/,
    );
    expect(() => load({ GOOGLE_SHEETS_ID: 'x1', GOOGLE_SERVICE_ACCOUNT_JSON: damaged })).not.toThrow(/BEGIN/);
  });
});

it('whoever is chosen to speak and to listen needs a key, and nobody else', () => {
  const { ELEVENLABS_API_KEY: _, ...others } = call;
  const chosen = { ...others, TEXT_TO_SPEECH: 'openai', SPEECH_TO_TEXT: 'deepgram' };
  expect(() => loadConfig(['call'], chosen)).toThrow(/^(?!.*ELEVENLABS).*DEEPGRAM_API_KEY is not set/s);
  const config = loadConfig(['call'], { ...chosen, DEEPGRAM_API_KEY: 'd' });
  expect(config.alternatives).toEqual({ textToSpeech: ['openai'], speechToText: ['deepgram'], languageModel: ['openai'] });
  const both = loadConfig(['call'], { ...call, DEEPGRAM_API_KEY: 'd', SPEECH_TO_TEXT: 'elevenlabs,deepgram' });
  expect([both.alternatives.speechToText, both.secrets]).toEqual([['elevenlabs', 'deepgram'], expect.arrayContaining(['d', 'e', 'o'])]);
  const all = loadConfig(['call'], { ...call, DEEPGRAM_API_KEY: 'd', SPEECH_TO_TEXT: 'openai, deepgram,elevenlabs' });
  expect(all.alternatives.speechToText).toEqual(['openai', 'deepgram', 'elevenlabs']);
  const { OPENAI_API_KEY: __, ...keyless } = call;
  const listens = { ...keyless, LANGUAGE_MODEL: 'second', SECOND_MODEL_API_KEY: 's', SPEECH_TO_TEXT: 'elevenlabs, openai' };
  expect(() => loadConfig(['call'], listens)).toThrow(/OPENAI_API_KEY is not set/);
  for (const wrong of ['openai,openai', 'openai,', 'whisper']) {
    expect(() => loadConfig(['call'], { ...call, SPEECH_TO_TEXT: wrong })).toThrow(
      /SPEECH_TO_TEXT is ".*"\. Expected: one of elevenlabs, deepgram, openai, or several of them with commas between/,
    );
  }
});

it('a model that the websocket of ElevenLabs does not know stops the start', () => {
  const chosen = { ...call, ELEVENLABS_TRANSPORT: 'websocket' };
  expect(loadConfig(['call'], chosen).elevenLabs.transport).toBe('websocket');
  expect(() => loadConfig(['call'], { ...chosen, ELEVENLABS_MODEL: 'eleven_v3' })).toThrow(
    /ELEVENLABS_MODEL is "eleven_v3", which the websocket/,
  );
  expect(loadConfig(['call'], { ...call, ELEVENLABS_MODEL: 'eleven_v3' }).elevenLabs.transport).toBe('http');
});

it('who lets Deepgram talk needs its key and a voice for the opening line, and nothing else', () => {
  const { ELEVENLABS_API_KEY, OPENAI_API_KEY: _, ...asterisk } = call;
  const agent = { ...asterisk, AI: 'deepgram-agent' };
  expect(() => loadConfig(['call'], agent)).toThrow(/^(?!.*OPENAI)(?=.*DEEPGRAM_API_KEY is not set).*ELEVENLABS_API_KEY is not set/s);
  const config = loadConfig(['call'], { ...agent, ELEVENLABS_API_KEY, DEEPGRAM_API_KEY: 'd' });
  expect([config.ai, config.deepgramAgent.think]).toEqual(['deepgram-agent', 'open_ai/gpt-4.1-mini']);
  const mixed = { ...agent, DEEPGRAM_API_KEY: 'd', OPENAI_API_KEY: 'o', TEXT_TO_SPEECH: 'openai', DEEPGRAM_AGENT_VOICE: 'elevenlabs' };
  expect(() => loadConfig(['call'], mixed)).toThrow(/ELEVENLABS_API_KEY is not set/);
  expect(() => loadConfig(['call'], { ...mixed, ELEVENLABS_API_KEY, DEEPGRAM_AGENT_THINK: 'gpt' })).toThrow(
    /DEEPGRAM_AGENT_THINK is "gpt"/,
  );
});
