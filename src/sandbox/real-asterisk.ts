import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { type DebianTree, debianTree, type UnpackProgress, unpackDebian } from './debian-packages.ts';
import { freePort, freeUdpPort, isTaken } from './free-port.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';

/** Stable and oldstable carry no Asterisk; this one has 22.10, and moves on. */
const SUITE = 'forky';
const PACKAGES = ['asterisk', 'asterisk-modules', 'asterisk-core-sounds-en-gsm', 'sip-tester'];
const TEMPLATES = fileURLToPath(new URL('../../asterisk/etc', import.meta.url));
/** Measured: ARI answers 0.2 to 0.4 s after the start on an idle machine. */
const READY_TIMEOUT_MS = 30_000;
/** Measured: 1 to 3 s, up to 18 s after a duplicate channel id has leaked a channel. */
export const STOP_TIMEOUT_MS = 25_000;
const PORT_TRIES = 3;
/** Ports for audio. Two instances whose ranges overlap don't mind: Asterisk tries the next port when one is taken. */
const RTP_PORTS = { first: 20_000, last: 40_000, each: 1_000 };

export interface RealAsterisk {
  /** For `ari-client` and for the media sockets. */
  readonly ariUrl: string;
  readonly username: string;
  readonly password: string;
  /** Asterisk's own word for itself, e.g. `22.10.1~dfsg+…`. */
  readonly version: string;
  readonly pid: number;
  /** Configuration, logs and recordings. */
  readonly home: string;
  /** What it runs from; SIPp is in there too. */
  readonly tree: DebianTree;
  /** UDP port on loopback where the trunk expects the carrier. */
  readonly trunkPort: number;
  /** Dial-string templates for campaigns. */
  readonly dialStrings: {
    /** Over SIP to the carrier. */
    readonly trunk: 'PJSIP/{e164}@trunk';
    /** Over SIP and G.711 to the people of the sandbox. */
    readonly people: 'PJSIP/{e164}@people';
    /** To the people without SIP. */
    readonly localPeople: 'Local/{e164}@people';
  };
  /** Hangs up every call and ends. Idempotent. */
  stop(): Promise<void>;
}

export interface PrepareOptions {
  /** The project's data folder. */
  dataDir: string;
  /** Where unpacked Debian packages are kept. Default `<dataDir>/debian`. */
  debianDir?: string | undefined;
  mirror?: string | undefined;
  onProgress?: ((progress: UnpackProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface AsteriskOptions extends PrepareOptions {
  /** Home is `<dataDir>/asterisk/<name>`. Unset: a folder of its own among the temporary files, removed on stop. */
  name?: string | undefined;
  /** Port of ARI. Unset: a free one. */
  httpPort?: number | undefined;
  /** True: where somebody has that port, a free one does as well. */
  otherPortIfTaken?: boolean | undefined;
  /** Of its one ARI user. Unset: a random one. */
  password?: string | undefined;
  /** True: it outlives this process, to be stopped by its pid. */
  detached?: boolean | undefined;
}

/** The unpacked Asterisk and SIPp, when they are there. Downloads nothing. */
export function preparedAsterisk(dataDir: string, debianDir = join(dataDir, 'debian')): DebianTree | undefined {
  return debianTree(join(debianDir, 'asterisk'));
}

/** Unpacks Asterisk and SIPp unless they are there: about 80 MB to fetch, 300 MB on disk. */
export function prepareAsterisk({ dataDir, debianDir = join(dataDir, 'debian'), ...rest }: PrepareOptions): Promise<DebianTree> {
  return unpackDebian({ packages: PACKAGES, suite: SUITE, dir: join(debianDir, 'asterisk'), ...rest });
}

/** Brings up an Asterisk of our own on loopback, on ports of its own: several can run side by side. Prepares it first where that's needed. */
export async function startRealAsterisk(options: AsteriskOptions): Promise<RealAsterisk> {
  const tree = await prepareAsterisk(options);
  const temporary = options.name === undefined;
  const home =
    options.name === undefined ? await mkdtemp(join(tmpdir(), 'ringfence-asterisk-')) : resolve(options.dataDir, 'asterisk', options.name);
  for (let attempt = 1; ; attempt++) {
    const settings = await chooseSettings(tree, home, options);
    await writeHome(tree, home, settings);
    const child = await startProcess({
      ...tree.run('usr/sbin/asterisk', ['-f', '-C', join(home, 'etc/asterisk.conf')]),
      cwd: home,
      logFile: consoleLog(home),
      detached: options.detached ?? false,
    });
    const version = await becomesReady(child, settings, options.signal);
    if (version !== undefined) {
      return describe({ child, tree, home, settings, version }, async () => {
        if (child.running) await child.stop(STOP_TIMEOUT_MS);
        if (temporary) await rm(home, { recursive: true, force: true });
      });
    }
    await child.stop(STOP_TIMEOUT_MS);
    options.signal?.throwIfAborted();
    const lastWords = (await readFile(consoleLog(home), 'utf8')).trim().split('\n').slice(-5).join('\n  ');
    const portTaken = options.httpPort === undefined && /address already in use/i.test(lastWords);
    if (!portTaken || attempt === PORT_TRIES) {
      throw new UserError(`Asterisk doesn't come up. The end of ${consoleLog(home)}:\n  ${lastWords}`);
    }
  }
}

interface Settings extends Record<string, string> {
  HOME: string;
  HTTP_PORT: string;
  ARI_USERNAME: string;
  ARI_PASSWORD: string;
  TRUNK_PORT: string;
}

async function chooseSettings(tree: DebianTree, home: string, options: AsteriskOptions): Promise<Settings> {
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
    TRUNK_PORT: String(await freeUdpPort()),
    RTP_START: String(rtpStart),
    RTP_END: String(rtpStart + RTP_PORTS.each - 1),
  };
}

/** Lays out the folders that Asterisk wants and renders its configuration, afresh at every start. */
async function writeHome(tree: DebianTree, home: string, settings: Settings): Promise<void> {
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

function consoleLog(home: string): string {
  return join(home, 'log/console.log');
}

interface Parts {
  child: OwnedProcess;
  tree: DebianTree;
  home: string;
  settings: Settings;
  version: string;
}

function describe({ child, tree, home, settings, version }: Parts, stop: () => Promise<void>): RealAsterisk {
  return {
    ariUrl: ariUrl(settings),
    username: settings.ARI_USERNAME,
    password: settings.ARI_PASSWORD,
    version,
    pid: child.pid,
    home,
    tree,
    trunkPort: Number(settings.TRUNK_PORT),
    dialStrings: { trunk: 'PJSIP/{e164}@trunk', people: 'PJSIP/{e164}@people', localPeople: 'Local/{e164}@people' },
    stop,
  };
}

function ariUrl(settings: Settings): string {
  return `http://127.0.0.1:${settings.HTTP_PORT}`;
}

async function becomesReady(child: OwnedProcess, settings: Settings, signal: AbortSignal | undefined): Promise<string | undefined> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (child.running && Date.now() < deadline && signal?.aborted !== true) {
    const answer = await askAsterisk({ url: ariUrl(settings), username: settings.ARI_USERNAME, password: settings.ARI_PASSWORD });
    if ('version' in answer) return answer.version;
    // Wrong password: somebody else's Asterisk has the port.
    if (answer.status === 401) return undefined;
    await sleep(25);
  }
  return undefined;
}

/**
 * Asks an Asterisk whether it is ready. Only a 200 is: while it boots, connections are refused, then it says 404, then 503.
 * `failure` says in a human's words why not.
 */
export async function askAsterisk(ari: {
  url: string;
  username: string;
  password: string;
}): Promise<{ version: string } | { failure: string; status?: number }> {
  const headers = { authorization: `Basic ${Buffer.from(`${ari.username}:${ari.password}`).toString('base64')}` };
  const get = (path: string) =>
    fetch(new URL(`ari/asterisk/${path}`, `${ari.url.replace(/\/$/, '')}/`), { headers, signal: AbortSignal.timeout(5_000) });
  try {
    const ping = await get('ping');
    await ping.body?.cancel();
    if (ping.status !== 200)
      return { failure: `it answers ${ping.status}${ping.status === 401 ? ' (wrong user or password)' : ''}`, status: ping.status };
    const info = (await (await get('info')).json()) as { system?: { version?: string } };
    return { version: info.system?.version ?? 'unknown' };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { failure: (cause as NodeJS.ErrnoException).code ?? (cause instanceof Error ? cause.message : String(cause)) };
  }
}
