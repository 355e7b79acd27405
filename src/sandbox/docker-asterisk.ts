import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { UserError } from '../errors.ts';

const run = promisify(execFile);

/** Name of the container and of the image. */
const NAME = 'ringfence-asterisk';
const FOLDER = fileURLToPath(new URL('../../asterisk', import.meta.url));
const ENGINE_TIMEOUT_MS = 5_000;

/** Whether a Docker engine answers; the command alone is no use. */
export async function hasDockerEngine(): Promise<boolean> {
  return run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: ENGINE_TIMEOUT_MS }).then(
    ({ stdout }) => stdout.trim() !== '',
    () => false,
  );
}

/** Builds the image and starts the container in the background, with ARI on a port of loopback. `envFile` holds ARI_USERNAME and ARI_PASSWORD. */
export async function startDockerAsterisk(port: number, envFile: string): Promise<void> {
  await docker(['build', '--tag', NAME, FOLDER]);
  await docker(['run', '--detach', '--rm', '--name', NAME, '--publish', `127.0.0.1:${port}:8088`, '--env-file', envFile, NAME]);
}

export async function dockerAsteriskRuns(): Promise<boolean> {
  return run('docker', ['ps', '--quiet', '--filter', `name=^${NAME}$`], { timeout: ENGINE_TIMEOUT_MS }).then(
    ({ stdout }) => stdout.trim() !== '',
    () => false,
  );
}

export async function stopDockerAsterisk(): Promise<void> {
  await docker(['stop', '--time', '30', NAME]);
}

async function docker(args: string[]): Promise<void> {
  try {
    await run('docker', args);
  } catch (error) {
    const words = (error as { stderr?: string }).stderr?.trim().split('\n').slice(-3).join(' ') ?? String(error);
    throw new UserError(`"docker ${args[0]}" failed: ${words}\nMend that, or use Debian's packages: npm run asterisk -- up --using debian`);
  }
}
