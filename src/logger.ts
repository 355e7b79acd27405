import { type LogFn, type Logger as PinoLogger, pino } from 'pino';
import { type BreakerStateOf, completeFacts, describeThrown } from './log-facts.ts';
import { createRedactor, maskPhone, type Redact } from './redaction.ts';

export type Logger = PinoLogger;

export interface LoggerOptions {
  level: string;
  /** Values that must never be written. */
  secrets: readonly string[];
  /** Where lines go; standard output unless told otherwise. */
  write?: ((line: string) => void) | undefined;
  /** The state of a service's breaker, for the lines that tell of a failure. Undefined: it has none. */
  breakerState?: BreakerStateOf | undefined;
  /** Hears of every line that tells of a failure or a system event, as it was written: without secrets. */
  onEvent?: ((line: LogLine) => void) | undefined;
}

/** A finished line that tells of a failure or a system event. */
export interface LogLine {
  /** ISO 8601, UTC. */
  timestamp: string;
  level: string;
  service: string;
  /** Null where a system event is no failure. */
  error: string | null;
  breakerState: string;
  msg: string;
  event?: string;
  callId?: string;
  attempt?: number | string;
  campaign?: string;
}

/**
 * One JSON object a line. Phone numbers are masked and secrets blacked out here, in the finished line, whatever the
 * caller put in: a message of somebody else's error may hold either. A line that tells of a failure (a warning or worse,
 * or any with an error) or of a system event always has service, error and breakerState, whether the caller thought of
 * them or not.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, secrets, breakerState = () => undefined, onEvent } = options;
  const write = options.write ?? ((line: string) => void process.stdout.write(line));
  const redact = createRedactor(secrets);
  const clean = (text: string) => maskPhone(redact(text));
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"timestamp":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeThrown },
      hooks: {
        logMethod(args, method, severity) {
          method.apply(this, completeFacts(this, args, severity, breakerState) as Parameters<LogFn>);
        },
      },
    },
    {
      write(line: string) {
        const safe = cleanLine(line, clean);
        write(safe);
        // Inside a string the quotes would be escaped: this is the line's own member.
        if (onEvent !== undefined && safe.includes('"breakerState":')) onEvent(JSON.parse(safe) as LogLine);
      },
    },
  );
}

/** What was blacked out may have been a number of JSON, such as a password of digits: then the line is put together anew. */
function cleanLine(line: string, clean: Redact): string {
  const safe = clean(line);
  if (safe === line || isJson(safe)) return safe;
  const anew = JSON.stringify(JSON.parse(line), (_key, value: unknown) => {
    if (typeof value === 'string') return clean(value);
    if (typeof value !== 'number') return value;
    const text = String(value);
    return clean(text) === text ? value : clean(text);
  });
  return `${anew}\n`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
