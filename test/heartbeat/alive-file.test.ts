import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startAliveFile } from '../../src/heartbeat/alive-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringfence-alive-'));
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true, force: true });
});

const touchedAt = async (name: string) => (await stat(join(folder, 'alive', name))).mtimeMs;

it('while the process lives its file is fresh; after an orderly end there is none', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const alive = await startAliveFile(join(folder, 'alive'), 'host-1');
  const long = new Date(Date.now() - 3_600_000);
  await utimes(join(folder, 'alive', 'host-1'), long, long);
  await vi.advanceTimersByTimeAsync(10_000);
  await expect.poll(() => touchedAt('host-1')).toBeGreaterThan(Date.now() - 60_000);
  await alive.stop();
  expect(existsSync(join(folder, 'alive', 'host-1'))).toBe(false);
});

it('files of processes that were killed days ago are cleared away, those of the living are not', async () => {
  const first = await startAliveFile(join(folder, 'alive'), 'host-1');
  await writeFile(join(folder, 'alive', 'old-1'), '');
  const days = new Date(Date.now() - 3 * 86_400_000);
  await utimes(join(folder, 'alive', 'old-1'), days, days);
  const second = await startAliveFile(join(folder, 'alive'), 'host-2');
  expect(existsSync(join(folder, 'alive', 'old-1'))).toBe(false);
  expect(existsSync(join(folder, 'alive', 'host-1'))).toBe(true);
  await Promise.all([first.stop(), second.stop()]);
});
