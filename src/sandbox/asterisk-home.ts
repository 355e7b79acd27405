import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DebianTree } from './debian-packages.ts';
import { freePort, freeUdpPort, isTaken } from './free-port.ts';

const TEMPLATES = fileURLToPath(new URL('../../asterisk/etc', import.meta.url));
/** Ports for audio. Two instances whose ranges overlap don't mind: Asterisk tries the next port when one is taken. */
const RTP_PORTS = { first: 20_000, last: 40_000, each: 1_000 };

export interface SettingsWishes {
  /** Port of ARI. Unset: a free one. */
  httpPort?: number | undefined;
  /** True: where somebody has that port, a free one does as well. */
  otherPortIfTaken?: boolean | undefined;
  /** Of its one ARI user. Unset: a random one. */
  password?: string | undefined;
  /** UDP port on loopback where the carrier is. Unset: a free one. */
  trunkPort?: number | undefined;
}

/** Fills in the blanks of the configuration in `asterisk/etc`. */
export interface AsteriskSettings extends Record<string, string> {
  HOME: string;
  HTTP_PORT: string;
  ARI_USERNAME: string;
  ARI_PASSWORD: string;
  TRUNK_PORT: string;
}

/** Ports that are free, and a password of its own unless told. */
export async function chooseSettings(tree: DebianTree, home: string, options: SettingsWishes): Promise<AsteriskSettings> {
  const { httpPort, otherPortIfTaken = false, password = randomBytes(16).toString('hex') } = options;
  const blocks = (RTP_PORTS.last - RTP_PORTS.first) / RTP_PORTS.each;
  const rtpStart = RTP_PORTS.first + Math.floor(Math.random() * blocks) * RTP_PORTS.each;
  return {
    HOME: home,
    MODULES: join(tree.libraryDir, 'asterisk/modules'),
    HTTP_ADDRESS: '127.0.0.1',
    HTTP_PORT: String(httpPort !== undefined && !(otherPortIfTaken && (await isTaken(httpPort))) ? httpPort : await freePort()),
    ARI_USERNAME: 'ringfence',
    ARI_PASSWORD: password,
    SIP_ADDRESS: '127.0.0.1',
    SIP_PORT: String(await freeUdpPort()),
    PEOPLE_PORT: String(await freeUdpPort()),
    TRUNK_HOST: '127.0.0.1',
    TRUNK_PORT: String(options.trunkPort ?? (await freeUdpPort())),
    RTP_START: String(rtpStart),
    RTP_END: String(rtpStart + RTP_PORTS.each - 1),
  };
}

/** Lays out the folders that Asterisk wants and renders its configuration, afresh at every start. */
export async function writeHome(tree: DebianTree, home: string, settings: AsteriskSettings): Promise<void> {
  for (const folder of ['etc', 'data', 'run']) await rm(join(home, folder), { recursive: true, force: true });
  for (const folder of ['etc', 'run', 'log', 'lib/agi-bin', 'lib/keys', 'spool/recording', 'spool/tmp', 'data/sounds']) {
    await mkdir(join(home, folder), { recursive: true });
  }
  const share = join(tree.dir, 'usr/share/asterisk');
  await symlink(join(share, 'rest-api'), join(home, 'data/rest-api'));
  // Without it Asterisk knows no configuration option and loads next to nothing.
  await symlink(join(share, 'documentation'), join(home, 'data/documentation'));
  await symlink(join(share, 'sounds/en_US_f_Allison'), join(home, 'data/sounds/en'));
  await writeFile(consoleLog(home), '');
  for (const file of await readdir(TEMPLATES)) {
    const text = render(await readFile(join(TEMPLATES, file), 'utf8'), settings, file);
    await writeFile(join(home, 'etc', file), text, { mode: 0o600 });
  }
}

function render(template: string, settings: Record<string, string>, file: string): string {
  return template.replaceAll(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new Error(`${file} asks for @${name}@, which nobody fills in`);
    return value;
  });
}

/** What Asterisk says of itself, warnings and errors included. */
export function consoleLog(home: string): string {
  return join(home, 'log/console.log');
}
