import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { sleep } from '../sleep.ts';
import { startCarrier } from './carrier.ts';
import type { PrepareOptions } from './real-asterisk.ts';
import { STOP_TIMEOUT_MS, startRealAsterisk } from './real-asterisk.ts';

/** The Asterisk that `npm run asterisk -- up` leaves running, as written down for `status` and `down`. */
export interface AsteriskService {
  ariUrl: string;
  username: string;
  password: string;
  version: string;
  home: string;
  /** UDP port on loopback where the trunk expects the carrier. */
  trunkPort: number;
  /** Unset: stopped, and may be started again with the same address and password. */
  pid?: number;
  carrierPid?: number;
}

/** Where a PBX is looked for unless one says otherwise; taken when it is free. */
const USUAL_PORT = 8088;
const CARRIER_PATIENCE_MS = 5_000;

function homeOf(dataDir: string): string {
  return resolve(dataDir, 'asterisk/main');
}

/** What was written down, running or not. */
export function knownService(dataDir: string): AsteriskService | undefined {
  const file = join(homeOf(dataDir), 'service.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as AsteriskService) : undefined;
}

/** Whether the process is there and is the one that we started: process ids are used again. */
export async function runsFrom(pid: number | undefined, home: string): Promise<boolean> {
  if (pid === undefined) return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes(home);
}

/** Starts the Asterisk and the carrier in the background. One that was there before keeps its address and password. */
export async function startService(options: PrepareOptions): Promise<AsteriskService> {
  const before = knownService(options.dataDir);
  const asterisk = await startRealAsterisk({
    ...options,
    name: 'main',
    detached: true,
    httpPort: before === undefined ? USUAL_PORT : Number(new URL(before.ariUrl).port),
    otherPortIfTaken: true,
    password: before?.password,
  });
  const carrier = await startCarrier(asterisk, { detached: true });
  const { ariUrl, username, password, version, home, trunkPort, pid } = asterisk;
  const service = { ariUrl, username, password, version, home, trunkPort, pid, carrierPid: carrier.pid };
  await save(service);
  await writeWorkerSettings(envFile(service), service);
  return service;
}

/** The settings with which a worker reaches it, ready to be put into `.env`. */
export function envFile(service: AsteriskService): string {
  return join(service.home, 'worker.env');
}

export async function writeWorkerSettings(
  file: string,
  { ariUrl, username, password }: Pick<AsteriskService, 'ariUrl' | 'username' | 'password'>,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `ARI_URL=${ariUrl}\nARI_USERNAME=${username}\nARI_PASSWORD=${password}\n`, { mode: 0o600 });
}

/** Stops what we started and nothing else. Returns whether anything ran. */
export async function stopService(dataDir: string): Promise<boolean> {
  const service = knownService(dataDir);
  if (service === undefined) return false;
  const carrierRan = await end(service.carrierPid, service.home, CARRIER_PATIENCE_MS);
  const asteriskRan = await end(service.pid, service.home, STOP_TIMEOUT_MS);
  const { pid: _, carrierPid: __, ...rest } = service;
  await save(rest);
  return carrierRan || asteriskRan;
}

async function save(service: AsteriskService): Promise<void> {
  const file = join(service.home, 'service.json');
  await rm(file, { force: true });
  await writeFile(file, JSON.stringify(service, undefined, 2), { mode: 0o600 });
}

async function end(pid: number | undefined, home: string, patienceMs: number): Promise<boolean> {
  if (pid === undefined || !(await runsFrom(pid, home))) return false;
  process.kill(pid, 'SIGTERM');
  const deadline = Date.now() + patienceMs;
  while (await runsFrom(pid, home)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL');
    await sleep(50);
  }
  return true;
}
