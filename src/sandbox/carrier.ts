import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { carrierScenario } from './carrier-scenario.ts';
import type { DebianTree } from './debian-packages.ts';
import { freeUdpPort } from './free-port.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';

const READY_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;

/** One INVITE dialog as the carrier saw it. Retransmissions and re-INVITEs of it are not counted again. */
export interface Invite {
  callId: string;
  /** As dialled. */
  number: string;
  /** Unix milliseconds. */
  at: number;
}

export interface Carrier {
  readonly pid: number;
  readonly port: number;
  /** Every dialog so far, oldest first. */
  invites(): Promise<Invite[]>;
  stop(): Promise<void>;
}

/** SIPp in the part of the telephone company behind an Asterisk's trunk: what it does depends on the dialled number (`CARRIER_NUMBERS`). Audio is echoed. */
export async function startCarrier(
  { tree, home, trunkPort: port }: { tree: DebianTree; home: string; trunkPort: number },
  { detached = false }: { detached?: boolean } = {},
): Promise<Carrier> {
  await mkdir(home, { recursive: true });
  const scenario = join(home, 'carrier.xml');
  const messages = join(home, 'carrier-messages.log');
  await writeFile(scenario, carrierScenario());
  await rm(messages, { force: true });
  const mediaPort = await freeUdpPort();
  const program = tree.run('usr/bin/sipp', [
    ...['-sf', scenario, '-i', '127.0.0.1', '-mi', '127.0.0.1', '-p', String(port)],
    ...['-mp', String(mediaPort - (mediaPort % 2)), '-rtp_echo', '-nostdin'],
    ...['-trace_msg', '-message_file', messages, '-trace_err', '-error_file', join(home, 'carrier-errors.log')],
  ]);
  const child = await startProcess({ ...program, cwd: home, logFile: '/dev/null', detached });
  if (!(await listens(child, port))) {
    await child.stop(STOP_TIMEOUT_MS);
    throw new UserError(`SIPp doesn't start on UDP port ${port}. Its last words are in ${home}.`);
  }
  return {
    pid: child.pid,
    port,
    invites: async () => parseInvites(await readFile(messages, 'utf8').catch(() => '')),
    stop: () => child.stop(STOP_TIMEOUT_MS),
  };
}

/** Waits until the program has bound its port. Looking at the kernel's table, for binding it ourselves could be what keeps SIPp from it. */
async function listens(child: OwnedProcess, port: number): Promise<boolean> {
  // `127.0.0.1:<port>` as /proc has it: the address in the machine's byte order, both in hexadecimal.
  const entry = ` 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (child.running && Date.now() < deadline) {
    if ((await readFile('/proc/net/udp', 'utf8')).includes(entry)) return true;
    await sleep(20);
  }
  return false;
}

/**
 * Reads SIPp's message log: a rule with the time, a line `UDP message received …`, a blank line, the message.
 * The first INVITE of each Call-ID is the dialog.
 */
export function parseInvites(log: string): Invite[] {
  const dialogs = new Map<string, Invite>();
  for (const part of log.split(/^-{20,} /m)) {
    const received = /^(\d{4}-\d\d-\d\d)[T\s]+(\d\d:\d\d:\d\d\.\d{3})\d*(Z?)\s+.*message received[^\n]*\n\s*INVITE sip:([^@\s]+)@/.exec(
      part,
    );
    const callId = /^Call-ID:\s*(\S+)/im.exec(part)?.[1];
    const [, day, time, zone, number] = received ?? [];
    if (callId === undefined || number === undefined || dialogs.has(callId)) continue;
    dialogs.set(callId, { callId, number: decodeURIComponent(number), at: Date.parse(`${day}T${time}${zone}`) });
  }
  return [...dialogs.values()];
}
