import { join } from 'node:path';
import type { Config } from './config.ts';
import type { BreakerStateOf } from './log-facts.ts';
import { openLogFiles } from './log-files.ts';
import { createLogger, type Logger, type LogLine } from './logger.ts';

/** What is known only after the first lines are written: the parts that it comes from log, too. */
export interface LogHooks {
  /** Hears of every failure and system event from now on. */
  onEvent(listener: (line: LogLine) => void): void;
  /** Where the breaker state of such lines comes from. */
  breakerStates(stateOf: BreakerStateOf): void;
}

export interface Logs extends LogHooks {
  log: Logger;
  close(): void;
}

/** The log of a process: on standard output and in `DATA_DIR/logs/<name>-<day>.<part>.log`. */
export function openLogs(config: Config, name: string): Logs {
  let listener: ((line: LogLine) => void) | undefined;
  let stateOf: BreakerStateOf = () => undefined;
  // Not by the logger: it is what fails.
  const onError = (error: Error) => console.error(`The log files in ${config.dataDir} can't be written: ${error.message}`);
  const files = openLogFiles({ dir: join(config.dataDir, 'logs'), name, ...config.logFiles, onError });
  const log = createLogger({
    level: config.logLevel,
    secrets: config.secrets,
    breakerState: (service) => stateOf(service),
    onEvent: (line) => listener?.(line),
    write(line) {
      process.stdout.write(line);
      files.write(line);
    },
  });
  return {
    log,
    onEvent(added) {
      listener = added;
    },
    breakerStates(given) {
      stateOf = given;
    },
    close: files.close,
  };
}
