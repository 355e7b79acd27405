import { startApp, type WorkerRole } from '../src/app.ts';
import { loadConfig, readEnvFile } from '../src/config.ts';
import { UserError } from '../src/errors.ts';
import { openLogs } from '../src/wire-logs.ts';

/**
 * A worker process from start to end. The first SIGTERM or SIGINT finishes the calls that are under way, the second one exits.
 * A problem that a human must mend is printed as it stands, and the process exits with 1.
 */
export async function runWorker(roles: readonly WorkerRole[]): Promise<void> {
  try {
    readEnvFile();
    const config = loadConfig(roles);
    const logs = openLogs(config, roles.length === 1 ? (roles[0] ?? 'all') : 'all');
    const app = await startApp(config, roles, logs.log, logs);
    if (app.web !== undefined) {
      console.log(
        `Status page: ${app.web.url}\nBull Board: ${app.web.boardUrl}\nRecordings: ${app.web.recordingsUrl}\n(user ${config.web.username}, password: WEB_PASSWORD)`,
      );
    }
    stopOnSignal(app.stop);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

function stopOnSignal(stop: () => Promise<void>): void {
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(130);
    void stop().then(() => process.exit(0));
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
