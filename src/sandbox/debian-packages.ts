import { existsSync, readFileSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.ts';
import { hostAcquireSettings, writeAptFolder } from './apt-folder.ts';
import { aptSource } from './apt-source.ts';
import { withLock } from './lock-file.ts';
import { run } from './package-tool.ts';

/** Written last, so that a tree that has it is whole. */
const MARKER = 'unpacked.json';

/** Where each Debian architecture keeps its libraries, and its dynamic loader there. */
const ARCHITECTURES: Record<string, { folder: string; loader: string }> = {
  amd64: { folder: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { folder: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

export interface UnpackProgress {
  step: 'index' | 'download' | 'unpack';
  /** 0 to 1, within the step. */
  done: number;
}

export interface UnpackOptions {
  packages: string[];
  /** A suite of Debian such as `forky`; `host` for what this machine runs (Debian or Ubuntu). */
  suite: string;
  /** The tree's own folder, e.g. `data/debian/asterisk`. */
  dir: string;
  /** Address of a Debian mirror; by default the one that this machine's apt uses. */
  mirror?: string | undefined;
  onProgress?: ((progress: UnpackProgress) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** Debian packages with every library they need, unpacked into a folder and installed nowhere. */
export interface DebianTree {
  /** Absolute. */
  readonly dir: string;
  /** Absolute: `usr/lib/<architecture>` of the tree. */
  readonly libraryDir: string;
  /** Package name → version. */
  readonly versions: Record<string, string>;
  /** How to run a program of the tree (`usr/sbin/asterisk`): by the tree's own loader and libraries, so the host's don't matter. */
  run(program: string, args: string[]): { command: string; args: string[] };
}

/** The tree in `dir` when it is there and whole. */
export function debianTree(dir: string): DebianTree | undefined {
  const root = resolve(dir);
  if (!existsSync(join(root, MARKER))) return undefined;
  const marker = JSON.parse(readFileSync(join(root, MARKER), 'utf8')) as { architecture: string; versions: Record<string, string> };
  const architecture = ARCHITECTURES[marker.architecture];
  if (architecture === undefined) return undefined;
  // Older releases keep the C library and its loader in `lib`, newer ones everything in `usr/lib`.
  const libraryDirs = ['usr/lib', 'lib'].map((folder) => join(root, folder, architecture.folder)).filter((folder) => existsSync(folder));
  const [libraryDir] = libraryDirs;
  const loader = libraryDirs.map((folder) => join(folder, architecture.loader)).find((file) => existsSync(file));
  if (libraryDir === undefined || loader === undefined) return undefined;
  return {
    dir: root,
    libraryDir,
    versions: marker.versions,
    run: (program, args) => ({ command: loader, args: ['--library-path', libraryDirs.join(':'), join(root, program), ...args] }),
  };
}

/**
 * Downloads packages and their dependencies with apt-get and unpacks them below `dir`: no root, no chroot, nothing installed.
 * A tree that is there already is returned at once; a half one is never left. Throws a UserError that says what is missing.
 */
export async function unpackDebian(options: UnpackOptions): Promise<DebianTree> {
  const dir = resolve(options.dir);
  const whole = debianTree(dir);
  if (whole !== undefined) return whole;
  return withLock(
    `${dir}.lock`,
    async () => {
      // Another process may have done the work while we waited for the lock.
      const meanwhile = debianTree(dir);
      if (meanwhile !== undefined) return meanwhile;
      const partial = `${dir}.partial`;
      await rm(partial, { recursive: true, force: true });
      try {
        await fillTree(partial, options);
        await rm(dir, { recursive: true, force: true });
        await rename(partial, dir);
      } finally {
        await rm(partial, { recursive: true, force: true });
      }
      const tree = debianTree(dir);
      if (tree === undefined) throw new Error(`${dir} was unpacked and has no ${MARKER}`);
      return tree;
    },
    options.signal,
  );
}

async function fillTree(root: string, { packages, suite, mirror, onProgress, signal }: UnpackOptions): Promise<void> {
  const what = packages.join(', ');
  const architecture = await hostArchitecture(what, signal);
  const source = await aptSource(suite, mirror);
  const apt = join(root, '.apt');
  await writeAptFolder(apt, source, architecture, await hostAcquireSettings(signal));
  const aptGet = (step: 'index' | 'download', args: string[]) =>
    run('apt-get', ['-qq', '-o', 'APT::Status-Fd=3', ...args], {
      env: { APT_CONFIG: join(apt, 'apt.conf') },
      // `dlstatus:<files>:<percent>:<words>`
      onStatus: (line) => onProgress?.({ step, done: Number(line.split(':')[2]) / 100 || 0 }),
      signal,
      failure: `Downloading ${what} (${suite}) from ${new URL(source.uri).host} failed`,
      advice: 'Check that this machine reaches its package mirror ("apt-get update"), then try again.',
    });
  onProgress?.({ step: 'index', done: 0 });
  await aptGet('index', ['update', '-o', 'APT::Update::Error-Mode=any']);
  onProgress?.({ step: 'download', done: 0 });
  await aptGet('download', ['-y', '--download-only', 'install', ...packages]);
  const versions = await unpackAll(root, join(apt, 'cache/archives'), onProgress, signal);
  await rm(apt, { recursive: true });
  await writeFile(join(root, MARKER), `${JSON.stringify({ packages, suite: source.suite, architecture, versions }, undefined, 2)}\n`);
}

async function unpackAll(
  root: string,
  archives: string,
  onProgress: UnpackOptions['onProgress'],
  signal: AbortSignal | undefined,
): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  const debs = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  for (const [index, deb] of debs.entries()) {
    // `<package>_<version, its colon escaped>_<architecture>.deb`
    const [name = deb, version = ''] = basename(deb).split('_');
    versions[name] = decodeURIComponent(version);
    await run('dpkg-deb', ['-x', join(archives, deb), root], {
      signal,
      failure: `Unpacking ${deb} into ${dirname(root)} failed`,
      advice: 'Check the free disk space, then try again.',
    });
    onProgress?.({ step: 'unpack', done: (index + 1) / debs.length });
  }
  return versions;
}

async function hostArchitecture(what: string, signal: AbortSignal | undefined): Promise<string> {
  for (const program of ['/usr/bin/apt-get', '/usr/bin/dpkg-deb']) {
    if (!existsSync(program)) {
      throw new UserError(
        `${what} can't be unpacked here: ${program} is missing, so this is neither Debian nor Ubuntu. Install it in this system's own way, or use Docker.`,
      );
    }
  }
  const architecture = (await run('dpkg', ['--print-architecture'], { signal, failure: 'dpkg failed', advice: '' })).trim();
  if (ARCHITECTURES[architecture] === undefined) {
    throw new UserError(
      `${what} can't be unpacked here: the architecture is ${architecture}, known are ${Object.keys(ARCHITECTURES).join(' and ')}.`,
    );
  }
  return architecture;
}
