import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Milliseconds. A health check that allows 30 s forgives a disk that stalls. */
const TOUCH_EVERY_MS = 5_000;

/** Files of processes that were killed. Milliseconds. */
const FORGOTTEN_AFTER_MS = 86_400_000;

/**
 * Touches `<folder>/<name>` as long as the event loop turns: `/livez` for processes without web pages. It depends on
 * nothing remote, so that no outage makes somebody restart a worker with living calls.
 */
export async function startAliveFile(folder: string, name: string): Promise<{ stop(): Promise<void> }> {
  const path = join(folder, name);
  await mkdir(folder, { recursive: true });
  await removeForgotten(folder);
  await writeFile(path, '');
  // A full or read-only disk is told of by whoever needs it; it doesn't make the process dead.
  const touch = () => void utimes(path, new Date(), new Date()).catch(() => {});
  const timer = setInterval(touch, TOUCH_EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await rm(path, { force: true });
    },
  };
}

async function removeForgotten(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > FORGOTTEN_AFTER_MS) await rm(path, { force: true });
  }
}
