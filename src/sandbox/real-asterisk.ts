import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { askAsterisk } from './ask-asterisk.ts';
import { type AsteriskSettings, chooseSettings, consoleLog, type SettingsWishes, writeHome } from './asterisk-home.ts';
import { type DebianTree, debianTree, type UnpackProgress, unpackDebian } from './debian-packages.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';

/** Stable and oldstable carry no Asterisk; this one has 22.10, and moves on. */
const SUITE = 'forky';
const PACKAGES = ['asterisk', 'asterisk-modules', 'asterisk-core-sounds-en-gsm', 'sip-tester'];
/** Measured: ARI answers 0.2 to 0.4 s after the start on an idle machine. */
const READY_TIMEOUT_MS = 30_000;
/** Measured: 1 to 3 s, up to 18 s after a duplicate channel id has leaked a channel. */
export const STOP_TIMEOUT_MS = 25_000;
const PORT_TRIES = 3;

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

export interface AsteriskOptions extends PrepareOptions, SettingsWishes {
  /** Home is `<dataDir>/asterisk/<name>`. Unset: a folder of its own among the temporary files, removed on stop. */
  name?: string | undefined;
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

interface Parts {
  child: OwnedProcess;
  tree: DebianTree;
  home: string;
  settings: AsteriskSettings;
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

function ariUrl(settings: AsteriskSettings): string {
  return `http://127.0.0.1:${settings.HTTP_PORT}`;
}

async function becomesReady(child: OwnedProcess, settings: AsteriskSettings, signal: AbortSignal | undefined): Promise<string | undefined> {
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
