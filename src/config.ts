import { hostname } from 'node:os';
import { z } from 'zod';
import { UserError } from './errors.ts';
import { parseRedisAddress, redisPasswords } from './redis-address.ts';
import { parseServiceAccount, readServiceAccount, type ServiceAccount } from './service-account.ts';

/** One environment variable: how it is read, and what a human is told of it (also in `.env.example`). */
interface Setting {
  read: z.ZodType;
  help: string;
  /** Unit or form, e.g. `ms`, `URL`. */
  unit: string;
  /** What a wrong value is told to be instead. */
  expected: string;
  default?: string;
  secret?: true;
}

const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const ms = (help: string, fallback: number, max = 3_600_000): Setting => ({
  read: wholeNumber(1, max),
  help,
  unit: 'ms',
  expected: `a whole number of milliseconds from 1 to ${max}`,
  default: String(fallback),
});
const text = (help: string, unit = 'text', fallback?: string): Setting => ({
  read: z.string().min(1),
  help,
  unit,
  expected: 'some text',
  ...(fallback === undefined ? {} : { default: fallback }),
});
const secret = (help: string): Setting => ({ ...text(help, 'secret'), secret: true });
const url = (help: string, protocols: string[], fallback?: string): Setting => ({
  read: z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol)),
  help,
  unit: 'URL',
  expected: `an address that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  ...(fallback === undefined ? {} : { default: fallback }),
});
const form = (help: string, unit: string, pattern: RegExp, expected: string): Setting => ({
  read: z.string().regex(pattern),
  help,
  unit,
  expected,
});
const count = (help: string, fallback: number, min: number, max: number, unit = 'count'): Setting => ({
  read: wholeNumber(min, max),
  help,
  unit,
  expected: `a whole number from ${min} to ${max}`,
  default: String(fallback),
});
const choice = (help: string, values: readonly [string, ...string[]], fallback: string): Setting => ({
  read: z.enum(values),
  help,
  unit: values.join('|'),
  expected: `one of ${values.join(', ')}`,
  default: fallback,
});

/** `a@b.org`, or `Name <a@b.org>`. */
const MAIL_ADDRESS = /^([^<>,@]*<[^\s,@<>]+@[^\s,@<>]+>|[^\s,@<>]+@[^\s,@<>]+)$/;
const MAIL_ADDRESSES = /^[^\s,@]+@[^\s,@]+(\s*,\s*[^\s,@]+@[^\s,@]+)*$/;
/** Standard Webhooks: 24 to 64 bytes. */
const WEBHOOK_SECRET = /^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/;

const MEDIA_KINDS = ['auto', 'websocket', 'audiosocket'] as const;

const VOICES = ['elevenlabs', 'openai', 'elevenlabs,openai', 'openai,elevenlabs'] as const;
const EARS = ['elevenlabs', 'deepgram', 'elevenlabs,deepgram', 'deepgram,elevenlabs'] as const;

/** Every variable that Ringfence reads. Nothing else in the program reads the environment. */
export const SETTINGS = {
  REDIS_URL: {
    read: z.string().refine((value) => parseRedisAddress(value) !== undefined),
    help: 'The Redis that holds the queue and the ledger; rediss:// with TLS, redis+sentinel://host:26379,host:26379/master behind Sentinels. Unset: one is started on loopback, in DATA_DIR',
    unit: 'URL',
    expected: 'an address that starts with redis:// or rediss://, or redis+sentinel://host:port,host:port/master',
  },
  REDIS_DISPOSABLE: choice(
    'Accept a Redis that may lose what it has acknowledged: for a demo or a test, never for real calls',
    ['true', 'false'],
    'false',
  ),
  QUEUE_PREFIX: text('Prefix of every key in Redis, so that several installations can share one', 'text', 'ringfence'),
  DATA_DIR: text('Where recordings, logs and a Redis of our own keep their files', 'folder', 'data'),
  DEBIAN_MIRROR: url(
    "Debian archive that Redis and Asterisk are unpacked from where they are missing. Unset: the one of this machine's package sources",
    ['http:', 'https:'],
  ),
  LEDGER_DAYS: count('How long an ended attempt is remembered, so that the same contact is not called again', 90, 1, 3650, 'days'),

  DRAIN_TIMEOUT: ms('After SIGTERM, how long calls under way may go on before they end with a goodbye', 300_000),
  REDIAL_INTERRUPTED: ms('How long after a call that a fault of ours cut off the contact is called once more', 300_000, 86_400_000),

  ARI_URL: url("Asterisk's HTTP address", ['http:', 'https:'], 'http://127.0.0.1:8088'),
  ARI_USERNAME: text('User of ari.conf'),
  ARI_PASSWORD: secret('Its password'),
  ARI_APP: text(
    "Stasis application of this worker; two processes must never share one. Unset: made of the host's name and the process id",
    'name',
  ),

  ELEVENLABS_API_KEY: secret('Key for text-to-speech and speech-to-text'),
  ELEVENLABS_BASE_URL: url('Where ElevenLabs is reached', ['http:', 'https:'], 'https://api.elevenlabs.io'),
  ELEVENLABS_MODEL: text('Text-to-speech model', 'model', 'eleven_flash_v2_5'),
  OPENAI_API_KEY: secret('Key for the language model'),
  OPENAI_BASE_URL: url('Where OpenAI is reached', ['http:', 'https:'], 'https://api.openai.com/v1'),
  OPENAI_MODEL: text('Language model', 'model', 'gpt-4.1-mini'),
  OPENAI_SPEECH_MODEL: text('Text-to-speech model, where OpenAI speaks', 'model', 'gpt-4o-mini-tts'),
  OPENAI_VOICE: text("Its voice; a campaign's is a voice of ElevenLabs", 'voice', 'alloy'),
  DEEPGRAM_API_KEY: secret('Key for speech-to-text, where Deepgram listens'),
  DEEPGRAM_BASE_URL: url('Where Deepgram is reached', ['http:', 'https:'], 'https://api.deepgram.com'),
  DEEPGRAM_MODEL: text('Its model: nova-3, or flux-general-en or flux-general-multi', 'model', 'nova-3'),
  TEXT_TO_SPEECH: choice('Who speaks; the second one where the first fails before its first sound', VOICES, 'elevenlabs'),
  SPEECH_TO_TEXT: choice('Who listens; the second one where no session can be had from the first', EARS, 'elevenlabs'),
  HUBSPOT_ACCESS_TOKEN: secret('Private app token of HubSpot. Unset: no CRM'),
  HUBSPOT_BASE_URL: url('Where HubSpot is reached', ['http:', 'https:'], 'https://api.hubapi.com'),

  CALL_CONCURRENCY: count('Calls at a time in one worker process', 5, 1, 500, 'calls'),
  MEDIA_SAMPLE_RATE: choice('Audio between Asterisk and the worker', ['8000', '16000', '24000'], '16000'),
  MEDIA: choice(
    "How audio travels: by Asterisk's websocket, or by AudioSocket; auto takes what this Asterisk does best",
    MEDIA_KINDS,
    'auto',
  ),
  AUDIOSOCKET_HOST: text('Address that Asterisk connects to with audio by AudioSocket', 'address', '127.0.0.1'),
  AUDIOSOCKET_PORT: count('Its port, one a worker; 0 takes a free one', 8_090, 0, 65_535, 'port'),
  AUDIOSOCKET_ADVERTISE: form(
    'What Asterisk is told to connect to, where that is another address. Unset: AUDIOSOCKET_HOST and the port',
    'host:port',
    /^(\[[0-9a-fA-F:.]+\]|[^\s:/]+)(:\d{1,5})?$/,
    'a host, and a port where it is another one: asterisk-sees-me.example:8090',
  ),
  RETRY_INITIAL_DELAY: ms('Wait before the first retry of a request that failed', 5_000),
  RETRY_FACTOR: count('Each further wait is so many times the one before: 5 s, 10 s, 20 s', 2, 1, 10),
  RETRY_COUNT: count('Retries of a request; the fourth failure in a row opens the breaker', 3, 0, 10),
  RETRY_JITTER: count('Share of each wait that is added at random', 0, 0, 100, 'percent'),
  CALLEE_PATIENCE: ms('How long a person on the line waits for all retries together', 12_000),
  BREAKER_RESET: ms(
    'From the opening of a breaker, or a failed trial, to the next trial; ten times that for bad keys and spent quota',
    30_000,
  ),
  HELD_BACK_WAIT: ms('When a contact that waits for a service is looked at again; up to half as long is added at random', 10_000),
  HEALTH_INTERVAL: ms('How often every service is checked', 30_000),
  ELEVENLABS_PROBE_VOICE: text('Voice that says one word when text-to-speech is tried after an outage', 'voice id', '21m00Tcm4TlvDq8ikWAM'),
  SERVICE_DEADLINE: ms('How long a service may take to its first useful answer', 8_000),
  CRM_PATIENCE: ms('How long a call waits for the CRM before it goes on without', 2_000),
  ARI_DEADLINE: ms('How long Asterisk may take to answer a request', 5_000),

  WEB_HOST: text('Address that the web pages listen on', 'address', '127.0.0.1'),
  WEB_PORT: count('Port of the web pages', 15_000, 0, 65_535, 'port'),
  WEB_USERNAME: text('Who may see the web pages', 'text', 'ringfence'),
  WEB_PASSWORD: secret('Their password'),

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
  ALERT_WEBHOOK_SECRET: {
    ...form('Secret of the signatures, shared with the receiver', 'secret', WEBHOOK_SECRET, 'whsec_ and 24 to 64 random bytes in base64'),
    secret: true,
  },
  ALERT_WEBHOOK_ALLOW_PRIVATE: choice('Whether that address may lie in a private network', ['no', 'yes'], 'no'),
  ALERT_WINDOW: ms('How long what follows an alert is only counted, and then told in one line', 300_000, 86_400_000),
  RUNBOOK_URL: url('Where you publish docs/operations.md, for the links in alerts. Unset: they name the file', ['http:', 'https:']),

  GOOGLE_SHEETS_ID: text(
    'Spreadsheet that gets a row for each failure, system event and call (the long word in its address). Unset: none',
    'id',
  ),
  GOOGLE_SERVICE_ACCOUNT_FILE: {
    read: z.string().refine((path) => readServiceAccount(path) !== undefined),
    help: 'Key file of the service account that the spreadsheet is shared with, as an editor',
    unit: 'file',
    expected: 'a key file of a service account (JSON, as Google hands it out) that can be read',
  },
  GOOGLE_SERVICE_ACCOUNT_JSON: {
    read: z.string().refine((json) => parseServiceAccount(json) !== undefined),
    help: 'What stands in that file, instead of the file',
    unit: 'secret',
    expected: 'the key of a service account (JSON, as Google hands it out)',
    secret: true,
  },
  GOOGLE_SHEETS_BASE_URL: url('Where Google Sheets is reached', ['http:', 'https:'], 'https://sheets.googleapis.com'),

  LOG_LEVEL: choice('Least important line that is logged', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  LOG_FILE_SIZE: count('When a log file in DATA_DIR/logs is full and the next one begins', 50, 1, 10_000, 'MB'),
  LOG_KEEP: count('How long log files are kept', 14, 1, 3650, 'days'),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;

export interface Config {
  redisUrl: string | undefined;
  /** May lose what it has acknowledged. */
  redisDisposable: boolean;
  queuePrefix: string;
  dataDir: string;
  debianMirror: string | undefined;
  ledgerDays: number;
  drainTimeoutMs: number;
  redialInterruptedMs: number;
  ari: { url: string; username: string; password: string; app: string; deadlineMs: number };
  elevenLabs: { apiKey: string; baseUrl: string; model: string; probeVoice: string };
  openAi: { apiKey: string; baseUrl: string; model: string; speechModel: string; voice: string };
  deepgram: { apiKey: string; baseUrl: string; model: string };
  /** Who speaks and who listens, in the order in which they are asked. */
  alternatives: { textToSpeech: ('elevenlabs' | 'openai')[]; speechToText: ('elevenlabs' | 'deepgram')[] };
  hubSpot: { accessToken: string; baseUrl: string } | undefined;
  callConcurrency: number;
  mediaSampleRate: 8000 | 16000 | 24000;
  media: {
    kind: (typeof MEDIA_KINDS)[number];
    /** `advertise`: `host` or `host:port` as Asterisk sees it, where that differs. */
    audioSocket: { host: string; port: number; advertise: string | undefined };
  };
  serviceDeadlineMs: number;
  crmPatienceMs: number;
  retry: { initialDelayMs: number; factor: number; retries: number; jitter: number; longestRetryAfterMs: number };
  calleePatienceMs: number;
  breakerResetMs: number;
  heldBackWaitMs: number;
  healthIntervalMs: number;
  web: { host: string; port: number; username: string; password: string };
  alerts: AlertSettings;
  /** Undefined when no spreadsheet is configured. */
  googleSheets: (ServiceAccount & { spreadsheetId: string; baseUrl: string }) | undefined;
  logLevel: string;
  logFiles: { maxFileBytes: number; keepDays: number };
  /** Every secret value, for the logger to black out. */
  secrets: string[];
}

export interface AlertSettings {
  windowMs: number;
  runbookUrl: string | undefined;
  /** Undefined where a channel is off. */
  email: { smtpUrl: string; from: string; to: string[] } | undefined;
  telegram: { token: string; chatId: string; apiRoot: string } | undefined;
  webhook: { url: string; secret: string; allowPrivate: boolean } | undefined;
}

/** Settings that only work together: all of them, or none. */
const TOGETHER: readonly (readonly SettingName[])[] = [
  ['ALERT_EMAIL_SMTP_URL', 'ALERT_EMAIL_FROM', 'ALERT_EMAIL_TO'],
  ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_CHAT_ID'],
  ['ALERT_WEBHOOK_URL', 'ALERT_WEBHOOK_SECRET'],
];

/** What a process is going to do, and so which settings it can't do without. */
export type Role = 'enqueue' | 'call' | 'health' | 'delivery' | 'web';

const REQUIRED: Record<Role, readonly SettingName[]> = {
  enqueue: [],
  call: ['ARI_USERNAME', 'ARI_PASSWORD', 'OPENAI_API_KEY'],
  health: [],
  delivery: [],
  web: ['WEB_PASSWORD'],
};

const KEY_OF: Readonly<Record<string, SettingName>> = {
  elevenlabs: 'ELEVENLABS_API_KEY',
  openai: 'OPENAI_API_KEY',
  deepgram: 'DEEPGRAM_API_KEY',
};

/** The keys of those who were chosen to speak and to listen. */
function chosenKeys(env: Record<string, string | undefined>): SettingName[] {
  const chosen = (['TEXT_TO_SPEECH', 'SPEECH_TO_TEXT'] as const).map((name) => env[name]?.trim() || SETTINGS[name].default);
  return chosen.flatMap((names) => names?.split(',').flatMap((name) => KEY_OF[name] ?? []) ?? []);
}

/** Reads `.env` of the current folder, if there is one, into the environment; what is set already wins. */
export function readEnvFile(path = '.env'): void {
  try {
    process.loadEnvFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/**
 * Validates the environment for the given roles.
 * @throws UserError that lists every problem at once: the variable, what was found, what is expected.
 */
export function loadConfig(roles: readonly Role[], env: Record<string, string | undefined> = process.env): Config {
  const problems: string[] = [];
  const values = new Map<SettingName, unknown>();
  const needed = new Set(roles.flatMap((role) => [...REQUIRED[role], ...(role === 'call' ? chosenKeys(env) : [])]));
  for (const [key, entry] of Object.entries(SETTINGS)) {
    const name = key as SettingName;
    const setting: Setting = entry;
    const raw = env[name]?.trim() || setting.default;
    if (raw === undefined) {
      if (needed.has(name)) problems.push(`${name} is not set. Expected: ${setting.expected} (${setting.help}).`);
      continue;
    }
    const parsed = setting.read.safeParse(raw);
    if (parsed.success) values.set(name, parsed.data);
    else problems.push(`${name} is ${setting.secret ? 'not usable' : JSON.stringify(raw)}. Expected: ${setting.expected}.`);
  }
  problems.push(...halfSet(values, env), ...sheetProblems(env));
  if (problems.length > 0) {
    throw new UserError(
      `The settings can't be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSet them in the environment or in .env (.env.example lists them all) and start again.`,
    );
  }
  return shape(values);
}

/** A channel of which one half is missing would be silent when it is needed. */
function halfSet(values: ReadonlyMap<SettingName, unknown>, env: Record<string, string | undefined>): string[] {
  return TOGETHER.flatMap((names) => {
    const given = names.filter((name) => env[name]?.trim());
    // One that was given and can't be used is a problem already.
    const missing = names.filter((name) => !values.has(name) && !given.includes(name));
    if (given.length === 0) return [];
    return missing.map(
      (name) =>
        `${name} is not set, but ${given.join(' and ')} is. Expected: ${SETTINGS[name].expected} (${SETTINGS[name].help}); or set none of them.`,
    );
  });
}

function shapeAlerts(string: (name: SettingName) => string, number: (name: SettingName) => number): AlertSettings {
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

/** A spreadsheet needs an account, which is given in one of two ways. */
function sheetProblems(env: Record<string, string | undefined>): string[] {
  const given = (name: SettingName) => Boolean(env[name]?.trim());
  const [id, file, json] = [given('GOOGLE_SHEETS_ID'), given('GOOGLE_SERVICE_ACCOUNT_FILE'), given('GOOGLE_SERVICE_ACCOUNT_JSON')];
  const either = 'GOOGLE_SERVICE_ACCOUNT_FILE or GOOGLE_SERVICE_ACCOUNT_JSON';
  if (file && json) return ['GOOGLE_SERVICE_ACCOUNT_FILE and GOOGLE_SERVICE_ACCOUNT_JSON are both set. Expected: one of them.'];
  if (id && !file && !json) return [`GOOGLE_SHEETS_ID is set, but no service account is. Expected: ${either}; or none of them.`];
  if (!id && (file || json))
    return [`A service account is set, but GOOGLE_SHEETS_ID is not. Expected: the id of a spreadsheet; or unset ${either}.`];
  return [];
}

function shapeSheets(values: ReadonlyMap<SettingName, unknown>): Config['googleSheets'] {
  const [id, file, json, baseUrl] = (
    ['GOOGLE_SHEETS_ID', 'GOOGLE_SERVICE_ACCOUNT_FILE', 'GOOGLE_SERVICE_ACCOUNT_JSON', 'GOOGLE_SHEETS_BASE_URL'] as const
  ).map((name) => String(values.get(name) ?? '')) as [string, string, string, string];
  const account = json ? parseServiceAccount(json) : readServiceAccount(file);
  return id && account !== undefined ? { spreadsheetId: id, baseUrl, ...account } : undefined;
}

function shape(values: ReadonlyMap<SettingName, unknown>): Config {
  const string = (name: SettingName) => String(values.get(name) ?? '');
  const number = (name: SettingName) => Number(values.get(name));
  const secrets = (Object.keys(SETTINGS) as SettingName[])
    .filter((name) => 'secret' in SETTINGS[name] && values.has(name))
    .map((name) => string(name));
  const googleSheets = shapeSheets(values);
  return {
    redisUrl: values.has('REDIS_URL') ? string('REDIS_URL') : undefined,
    redisDisposable: string('REDIS_DISPOSABLE') === 'true',
    queuePrefix: string('QUEUE_PREFIX'),
    dataDir: string('DATA_DIR'),
    debianMirror: string('DEBIAN_MIRROR') || undefined,
    ledgerDays: number('LEDGER_DAYS'),
    drainTimeoutMs: number('DRAIN_TIMEOUT'),
    redialInterruptedMs: number('REDIAL_INTERRUPTED'),
    ari: {
      url: string('ARI_URL'),
      username: string('ARI_USERNAME'),
      password: string('ARI_PASSWORD'),
      app: string('ARI_APP') || `ringfence-${hostname()}-${process.pid}`,
      deadlineMs: number('ARI_DEADLINE'),
    },
    elevenLabs: {
      apiKey: string('ELEVENLABS_API_KEY'),
      baseUrl: string('ELEVENLABS_BASE_URL'),
      model: string('ELEVENLABS_MODEL'),
      probeVoice: string('ELEVENLABS_PROBE_VOICE'),
    },
    openAi: {
      apiKey: string('OPENAI_API_KEY'),
      baseUrl: string('OPENAI_BASE_URL'),
      model: string('OPENAI_MODEL'),
      speechModel: string('OPENAI_SPEECH_MODEL'),
      voice: string('OPENAI_VOICE'),
    },
    deepgram: { apiKey: string('DEEPGRAM_API_KEY'), baseUrl: string('DEEPGRAM_BASE_URL'), model: string('DEEPGRAM_MODEL') },
    alternatives: {
      textToSpeech: string('TEXT_TO_SPEECH').split(',') as Config['alternatives']['textToSpeech'],
      speechToText: string('SPEECH_TO_TEXT').split(',') as Config['alternatives']['speechToText'],
    },
    hubSpot: values.has('HUBSPOT_ACCESS_TOKEN')
      ? { accessToken: string('HUBSPOT_ACCESS_TOKEN'), baseUrl: string('HUBSPOT_BASE_URL') }
      : undefined,
    callConcurrency: number('CALL_CONCURRENCY'),
    mediaSampleRate: Number(values.get('MEDIA_SAMPLE_RATE')) as Config['mediaSampleRate'],
    media: {
      kind: string('MEDIA') as Config['media']['kind'],
      audioSocket: {
        host: string('AUDIOSOCKET_HOST'),
        port: number('AUDIOSOCKET_PORT'),
        advertise: string('AUDIOSOCKET_ADVERTISE') || undefined,
      },
    },
    serviceDeadlineMs: number('SERVICE_DEADLINE'),
    crmPatienceMs: number('CRM_PATIENCE'),
    retry: {
      initialDelayMs: number('RETRY_INITIAL_DELAY'),
      factor: number('RETRY_FACTOR'),
      retries: number('RETRY_COUNT'),
      jitter: number('RETRY_JITTER') / 100,
      // Longer than any service's "slow down", shorter than a contact's day.
      longestRetryAfterMs: 60_000,
    },
    calleePatienceMs: number('CALLEE_PATIENCE'),
    breakerResetMs: number('BREAKER_RESET'),
    heldBackWaitMs: number('HELD_BACK_WAIT'),
    healthIntervalMs: number('HEALTH_INTERVAL'),
    web: { host: string('WEB_HOST'), port: number('WEB_PORT'), username: string('WEB_USERNAME'), password: string('WEB_PASSWORD') },
    alerts: shapeAlerts(string, number),
    googleSheets,
    logLevel: string('LOG_LEVEL'),
    logFiles: { maxFileBytes: number('LOG_FILE_SIZE') * 1_000_000, keepDays: number('LOG_KEEP') },
    secrets: [
      ...secrets,
      ...(googleSheets === undefined ? [] : [googleSheets.privateKey]),
      ...redisPasswords(string('REDIS_URL')),
      ...passwordOf(string('ALERT_EMAIL_SMTP_URL')),
      ...passwordOf(string('ALERT_WEBHOOK_URL')),
    ],
  };
}

function passwordOf(address: string): string[] {
  const password = URL.canParse(address) ? new URL(address).password : '';
  return password ? [password, decodeURIComponent(password)] : [];
}
