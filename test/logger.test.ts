import { Telegram } from 'telegraf';
import { afterEach, describe, expect, it } from 'vitest';
import { createClassify } from '../src/error-classification/classify.ts';
import { serviceError } from '../src/errors.ts';
import { callLogger, systemEvent } from '../src/log-facts.ts';
import { createLogger, type Logger, type LoggerOptions, type LogLine } from '../src/logger.ts';
import { loadElevenLabsSdk } from '../src/services/elevenlabs-client.ts';
import { ELEVENLABS_ERRORS } from '../src/services/errors/elevenlabs.ts';
import { type Answer, json, type ScriptedServer, startScriptedServer } from './services/scripted-server.ts';

const SECRETS = ['s3cr"t-key', 'pass word', '48151623'];

function logged(log: (logger: Logger) => void, options: Partial<LoggerOptions> = {}): string {
  let lines = '';
  log(createLogger({ level: 'info', secrets: SECRETS, write: (line) => (lines += line), ...options }));
  return lines;
}

const parsed = (log: (logger: Logger) => void, options: Partial<LoggerOptions> = {}) => JSON.parse(logged(log, options)) as LogLine;

describe('a phone number is masked', () => {
  it('wherever it stands in a line', () => {
    const line = logged((logger) => logger.info({ contact: { phone: '+12025550123' } }, 'dialling PJSIP/+12025550123@trunk failed'));
    expect(line).not.toContain('+12025550123');
    expect(line.match(/\+12025••••23/g)).toHaveLength(2);
  });

  it.each([
    'PJSIP/12025550123@trunk',
    'PJSIP/trunk/0012025550123',
    'Local/12025550123@people/n',
    'sip:12025550123@10.0.0.7:5060',
    'tel:+1-202-555-0123',
    'tel:1202555-0123',
    '+1 (202) 555-0123',
    'first line\n+12025550123',
    'GET /ari/channels?endpoint=PJSIP%2F12025550123%40trunk&callerId=%2B12025550123',
    '{"phone":"12025550123"}',
    '{"nested":"{\\"phone\\":\\"12025550123\\",\\"callerId\\":12025550123}"}',
    "{ to: '12025550123' }",
    '+12025550123_then',
  ])('in %s', (text) => {
    expect(parsed((logger) => logger.info(text)).msg.replace(/\D/g, '')).not.toMatch(/202555|5550123/);
    expect(logged((logger) => logger.info({ deep: { er: [text] } }, 'x')).replace(/[^\d•]/g, '')).not.toMatch(/202555?0123/);
  });

  it('also as a number of JSON, and the line stays JSON', () => {
    expect(parsed((logger) => logger.info({ phone: 12025550123 }, 'x'))).toMatchObject({ phone: '12025••••23' });
  });

  it('however short it is', () => {
    expect(parsed((logger) => logger.info('+491234')).msg).toBe('+••••34');
  });

  it('but ids, times and durations are left alone', () => {
    const facts = {
      callId: 'a012345678901234567890123',
      at: 1760000000123,
      from: 1760000000123,
      talkMs: 1234567,
      at2: '2026-03-01T12:00:00+0000',
    };
    expect(parsed((logger) => logger.info(facts, 'took 1234567 ms, job 123456789'))).toMatchObject({
      ...facts,
      msg: 'took 1234567 ms, job 123456789',
    });
  });
});

describe('a secret is blacked out', () => {
  it('in an error, in JSON and in an address', () => {
    const line = logged((logger) => logger.error(new Error('GET /?k=pass%20word with s3cr"t-key and bot123456:AAAAAAAAAAAAAAAAAAAAAAAAA')));
    expect(line).not.toContain('pass%20word');
    expect(line).not.toContain('s3cr');
    expect(line).not.toContain('AAAAAAAA');
  });

  it.each([
    'Authorization: Bearer Zm9vYmFyYmF6',
    'authorization: Basic dXNlcjpadm9vYg==',
    '{"headers":{"authorization":"Zm9vYmFyYmF6"}}',
    '{"a":"{\\"xi-api-key\\":\\"Zm9vYmFyYmF6\\"}"}',
    "{ 'xi-api-key': 'Zm9vYmFyYmF6' }",
    'ws://127.0.0.1:8088/ari/events?api_key=user:Zm9vYmFyYmF6&app=x',
    'wss://api.elevenlabs.io/v1/speech-to-text/realtime?single_use_token=Zm9vYmFyYmF6',
    'redis://user:Zm9vYmFyYmF6@10.0.0.5:6379',
    'https://api.telegram.org/bot123456789%3AZm9vYmFyYmF6Zm9vYmFyYmF6',
    'jwt eyJhbGciOiJSUzI1NiJ9.Zm9vYmFyYmF6.Zm9vYmFyYmF6',
    '-----BEGIN PRIVATE KEY-----\nZm9vYmFyYmF6\nZm9vYmFyYmF6\n-----END PRIVATE KEY-----\n',
    'sk_Zm9vYmFyYmF6 and whsec_Zm9vYmFyYmF6Zm9v',
  ])('in %s', (text) => {
    for (const line of [logged((logger) => logger.info(text)), logged((logger) => logger.info({ deep: JSON.stringify({ text }) }, 'x'))]) {
      expect(line).not.toMatch(/Zm9v|YmF6|dXNl/);
      expect(() => JSON.parse(line)).not.toThrow();
    }
  });

  it('also where it is a number of JSON', () => {
    expect(parsed((logger) => logger.info({ pin: 48151623, ms: 12 }, 'x'))).toMatchObject({ pin: '[secret]', ms: 12 });
  });

  it('but a hint that names a setting stays readable', () => {
    const hint = 'Check HUBSPOT_ACCESS_TOKEN: it may be wrong, expired or withdrawn. Basic authentication, token bucket, bearer of news.';
    expect(parsed((logger) => logger.info(hint)).msg).toBe(hint);
  });

  it('also in a line of a megabyte, without delay', () => {
    const nasty = ['+1'.repeat(300_000), '1'.repeat(600_000), 'token'.repeat(200_000), 'PJSIP/a'.repeat(100_000), '://a'.repeat(200_000)];
    const started = performance.now();
    for (const text of nasty) logged((logger) => logger.info(text));
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('the ways in which SDKs leak', () => {
  let server: ScriptedServer | undefined;
  afterEach(() => server?.close());
  const serve = async (answer: Answer) => {
    server = await startScriptedServer(answer);
    return server.url;
  };
  const thrown = (work: Promise<unknown>) =>
    work.then(
      () => {
        throw new Error('it was to fail');
      },
      (error: unknown) => error as Error,
    );

  it("Telegram's: the token stands in the message about an answer that is no JSON", async () => {
    const token = '123456789:AAFakeFakeFakeFakeFakeFakeFakeFakeFak';
    const apiRoot = await serve((response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>not here</html>'));
    const error = await thrown(new Telegram(token, { apiRoot }).sendMessage(1, 'call of +12025550123 failed'));
    expect(error.message, 'it no longer leaks: this test proves nothing').toContain('AAFake');
    for (const secrets of [[token], []]) {
      const line = logged((logger) => logger.error({ service: 'telegram', err: error }, `alert not sent: ${error.message}`), { secrets });
      expect(line).not.toContain('AAFake');
      expect(line).not.toContain('2025550123');
    }
  });

  it("ElevenLabs': the key is quoted in the body, which is the message", async () => {
    const apiKey = 'sk_0123456789abcdef0123456789abcdef0123456789abcdef';
    const { ElevenLabsClient } = await loadElevenLabsSdk();
    const baseUrl = await serve((response, request) =>
      json(401, { detail: { status: 'invalid_api_key', message: `Invalid API key: ${String(request.headers['xi-api-key'])}` } })(
        response,
        request,
      ),
    );
    const client = new ElevenLabsClient({ apiKey, baseUrl, maxRetries: 0 });
    const error = await thrown(client.textToSpeech.stream('voice', { text: 'hello' }).then((audio) => new Response(audio).text()));
    expect(error.message, 'it no longer leaks: this test proves nothing').toContain(apiKey);
    const classified = createClassify({ service: 'elevenlabs:text-to-speech', table: ELEVENLABS_ERRORS, secrets: [] })(
      error,
      'opening line',
    );
    for (const err of [error, classified]) {
      for (const secrets of [[apiKey], []]) {
        const line = logged((logger) => logger.error({ err }, 'no opening line'), { secrets });
        expect(line).not.toContain('0123456789abcdef');
      }
    }
  });
});

describe('a line that tells of a failure', () => {
  const busy = serviceError('ElevenLabs answered 503', {
    service: 'elevenlabs:text-to-speech',
    code: 'http-503',
    category: 'transient',
    status: 503,
  });

  it('has timestamp, service, error and breaker state, though the caller gave an error only', () => {
    const line = parsed((logger) => logger.warn({ err: new Error('no opening line', { cause: busy }) }, 'call failed'), {
      breakerState: (service) => (service === 'elevenlabs:text-to-speech' ? 'open' : undefined),
    });
    expect(line).toMatchObject({
      service: 'elevenlabs:text-to-speech',
      error: 'no opening line',
      breakerState: 'open',
      msg: 'call failed',
    });
    expect(Date.parse(line.timestamp)).toBeGreaterThan(Date.parse('2026-01-01'));
  });

  it.each<[string, (logger: Logger) => void, Partial<LogLine>]>([
    [
      'a bare error',
      (logger) => logger.error(busy),
      { service: 'elevenlabs:text-to-speech', error: 'ElevenLabs answered 503', msg: 'ElevenLabs answered 503' },
    ],
    ['words alone', (logger) => logger.warn('the disk is full'), { service: 'ringfence', error: 'the disk is full', breakerState: 'none' }],
    ['a child', (logger) => logger.child({ service: 'redis' }).warn('gone'), { service: 'redis', error: 'gone' }],
    [
      'an error at a low level',
      (logger) => logger.info({ err: busy }, 'asking again'),
      { error: 'ElevenLabs answered 503', msg: 'asking again' },
    ],
    [
      'facts of its own',
      (logger) => logger.warn({ service: 'crm', breakerState: 'half-open', err: busy }, 'x'),
      { service: 'crm', breakerState: 'half-open' },
    ],
  ])('has them also from %s', (_who, log, expected) => {
    expect(parsed(log)).toMatchObject({ breakerState: expect.any(String), timestamp: expect.any(String), ...expected });
  });

  it('says which call and which attempt', () => {
    const log = (logger: Logger) => callLogger(logger, { callId: 'a0123', attempt: 2, campaign: 'reminder' }).warn({ err: busy }, 'x');
    expect(parsed(log)).toMatchObject({ callId: 'a0123', attempt: 2, campaign: 'reminder' });
  });

  it('carries of an error what a reader needs, not the requests that SDKs hang on theirs', () => {
    const laden = Object.assign(new Error('x'.repeat(5_000), { cause: busy }), {
      code: 'E1',
      config: { headers: { a: 'LADEN' } },
      response: 'LADEN',
    });
    const line = logged((logger) => logger.error({ err: laden }, 'x'));
    expect(line).not.toContain('LADEN');
    expect(line.length).toBeLessThan(15_000);
    expect(JSON.parse(line)).toMatchObject({
      err: { type: 'Error', code: 'E1', stack: expect.stringContaining('caused by TransientError') },
    });
  });
});

it('a system event has the four facts too, null for the error where there is none', () => {
  const opened = (logger: Logger) =>
    systemEvent(
      logger,
      { event: 'breaker-opened', service: 'hubspot', breakerState: 'open', error: new Error('4 failures in a row'), opens: 1 },
      'breaker opened',
    );
  expect(parsed(opened)).toMatchObject({
    level: 'warn',
    event: 'breaker-opened',
    service: 'hubspot',
    breakerState: 'open',
    error: '4 failures in a row',
    opens: 1,
  });
  const closed = (logger: Logger) =>
    systemEvent(logger, { event: 'breaker-closed', service: 'hubspot', breakerState: 'closed' }, 'breaker closed');
  expect(parsed(closed)).toMatchObject({ level: 'info', service: 'hubspot', breakerState: 'closed', error: null });
});

it('failures and system events are handed on as they were written, other lines are not', () => {
  const seen: LogLine[] = [];
  const options = { onEvent: (line: LogLine) => seen.push(line) };
  logged((logger) => logger.info({ text: '"breakerState":' }, 'call ended'), options);
  logged((logger) => logger.warn('no way to +12025550123 with s3cr"t-key'), options);
  expect(seen).toMatchObject([{ error: 'no way to +12025••••23 with [secret]', service: 'ringfence' }]);
});
