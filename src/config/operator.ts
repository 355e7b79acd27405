import { choice, count, type Settings, secret, text, type Values } from './setting.ts';

/** What an operator looks at: web pages and logs. */
export const OPERATOR_SETTINGS = {
  WEB_HOST: text('Address that the web pages listen on', 'address', '127.0.0.1'),
  WEB_PORT: count('Port of the web pages', 15_000, 0, 65_535, 'port'),
  WEB_USERNAME: text('Who may see the web pages', 'text', 'ringfence'),
  WEB_PASSWORD: secret('Their password'),
  LOG_LEVEL: choice('Least important line that is logged', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
  LOG_FILE_SIZE: count('When a log file in DATA_DIR/logs is full and the next one begins', 50, 1, 10_000, 'MB'),
  LOG_KEEP: count('How long log files are kept', 14, 1, 3650, 'days'),
} as const satisfies Settings;

export interface OperatorConfig {
  web: { host: string; port: number; username: string; password: string };
  logLevel: string;
  logFiles: { maxFileBytes: number; keepDays: number };
}

export function readOperator({ string, number }: Values<keyof typeof OPERATOR_SETTINGS>): OperatorConfig {
  return {
    web: { host: string('WEB_HOST'), port: number('WEB_PORT'), username: string('WEB_USERNAME'), password: string('WEB_PASSWORD') },
    logLevel: string('LOG_LEVEL'),
    logFiles: { maxFileBytes: number('LOG_FILE_SIZE') * 1_000_000, keepDays: number('LOG_KEEP') },
  };
}
