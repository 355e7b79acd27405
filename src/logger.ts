import { type Logger as PinoLogger, pino } from 'pino';

export type Logger = PinoLogger;

export interface LoggerOptions {
  level: string;
  /** Values that must never be written. */
  secrets: readonly string[];
  /** Where lines go; standard output unless told otherwise. */
  write?: (line: string) => void;
}

/** `+12025550123` → `+12025•••23`: enough to recognise a contact one knows, not enough to call one. */
export function maskPhone(text: string): string {
  return text.replace(
    /(?<![\w-])\+\d{6,15}\b/g,
    (phone) => `${phone.slice(0, 6)}${'•'.repeat(Math.max(1, phone.length - 8))}${phone.slice(-2)}`,
  );
}

/**
 * One JSON object a line. Phone numbers are masked and secrets blacked out here, in the finished line, whatever the
 * caller put in: a message of somebody else's error may hold either.
 */
export function createLogger(options: LoggerOptions): Logger {
  const redact = createRedactor(options.secrets);
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(maskPhone(redact(line))) },
  );
}

/** Replaces every secret, also as it looks in JSON or in an address, and tokens of a known form. */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  const known = [...new Set(forms)].filter((form) => form.length >= 4).sort((a, b) => b.length - a.length);
  return (text) =>
    known
      .reduce((line, form) => line.replaceAll(form, '[secret]'), text)
      .replace(/\bbot\d+:[\w-]{20,}/g, 'bot[secret]')
      .replace(/\b(?:sk|pat|xi)[-_][\w-]{16,}/g, '[secret]')
      .replace(/(api_key=)[^&\s"]+/g, '$1[secret]');
}
