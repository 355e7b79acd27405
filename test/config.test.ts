import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
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
