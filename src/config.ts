import { ALERT_CHANNELS, ALERT_SETTINGS, type AlertSettings, readAlerts } from './config/alerts.ts';
import { OPERATOR_SETTINGS, type OperatorConfig, readOperator } from './config/operator.ts';
import { OUTCOME_WEBHOOK, OUTCOME_WEBHOOK_SETTINGS, readOutcomeWebhook } from './config/outcome-webhook.ts';
import { RESILIENCE_SETTINGS, type ResilienceConfig, readResilience } from './config/resilience.ts';
import { chosenKeys, readServices, SERVICE_SETTINGS, type ServiceConfig, serviceProblems } from './config/services.ts';
import type { Setting, Settings, Values } from './config/setting.ts';
import { readSheets, SHEET_SETTINGS, type SheetConfig, sheetProblems } from './config/sheets.ts';
import { readStorage, STORAGE_SETTINGS, type StorageConfig } from './config/storage.ts';
import { readTelephony, TELEPHONY_SETTINGS, type TelephonyConfig } from './config/telephony.ts';
import { UserError } from './errors.ts';
import { redisPasswords } from './redis-address.ts';
import type { WebhookEndpoint } from './webhook/signed-post.ts';

/** Every variable that Ringfence reads. Nothing else in the program reads the environment. */
export const SETTINGS = {
  ...STORAGE_SETTINGS,
  ...TELEPHONY_SETTINGS,
  ...SERVICE_SETTINGS,
  ...RESILIENCE_SETTINGS,
  ...OPERATOR_SETTINGS,
  ...ALERT_SETTINGS,
  ...SHEET_SETTINGS,
  ...OUTCOME_WEBHOOK_SETTINGS,
} as const satisfies Settings;

export type SettingName = keyof typeof SETTINGS;

export interface Config extends StorageConfig, TelephonyConfig, ServiceConfig, ResilienceConfig, OperatorConfig {
  alerts: AlertSettings;
  /** Undefined when no spreadsheet is configured. */
  googleSheets: SheetConfig | undefined;
  /** Undefined when nobody is told how calls ended. */
  outcomeWebhook: WebhookEndpoint | undefined;
  /** Every secret value, for the logger to black out. */
  secrets: string[];
}

/** What a process is going to do, and so which settings it can't do without. */
export type Role = 'enqueue' | 'call' | 'health' | 'delivery' | 'web';

const REQUIRED: Record<Role, readonly SettingName[]> = {
  enqueue: [],
  call: ['ARI_USERNAME', 'ARI_PASSWORD'],
  health: [],
  delivery: [],
  web: ['WEB_PASSWORD'],
};

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
  problems.push(...halfSet(values, env), ...sheetProblems(env), ...serviceProblems(env));
  if (problems.length > 0) {
    throw new UserError(
      `The settings can't be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\nSet them in the environment or in .env (.env.example lists them all) and start again.`,
    );
  }
  return shape({
    has: (name) => values.has(name),
    string: (name) => String(values.get(name) ?? ''),
    number: (name) => Number(values.get(name)),
  });
}

/** What is told to humans or programs would be silent when it is needed, were one half of its settings missing. */
function halfSet(values: ReadonlyMap<SettingName, unknown>, env: Record<string, string | undefined>): string[] {
  return [...ALERT_CHANNELS, OUTCOME_WEBHOOK].flatMap((names: readonly SettingName[]) => {
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

function shape(values: Values<SettingName>): Config {
  const googleSheets = readSheets(values);
  return {
    ...readStorage(values),
    ...readTelephony(values),
    ...readServices(values),
    ...readResilience(values),
    ...readOperator(values),
    alerts: readAlerts(values),
    googleSheets,
    outcomeWebhook: readOutcomeWebhook(values),
    secrets: [...secretsAmong(values), ...(googleSheets === undefined ? [] : [googleSheets.privateKey])],
  };
}

/** Secret settings, and passwords that stand in addresses. */
function secretsAmong({ has, string }: Values<SettingName>): string[] {
  const names = (Object.keys(SETTINGS) as SettingName[]).filter((name) => 'secret' in SETTINGS[name] && has(name));
  return [
    ...names.map(string),
    ...redisPasswords(string('REDIS_URL')),
    ...passwordOf(string('ALERT_EMAIL_SMTP_URL')),
    ...passwordOf(string('ALERT_WEBHOOK_URL')),
    ...passwordOf(string('OUTCOME_WEBHOOK_URL')),
  ];
}

function passwordOf(address: string): string[] {
  const password = URL.canParse(address) ? new URL(address).password : '';
  return password ? [password, decodeURIComponent(password)] : [];
}
