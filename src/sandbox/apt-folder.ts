import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AptSource } from './apt-source.ts';
import { run } from './package-tool.ts';

/** The host's settings for downloads (proxies, certificates, retries), which a private configuration would lose. */
export async function hostAcquireSettings(signal: AbortSignal | undefined): Promise<string> {
  const dump = await run('apt-config', ['dump', 'Acquire', '--format', '%F "%v";%n'], { signal, failure: 'apt-config failed', advice: '' });
  return dump
    .split('\n')
    .filter((line) => /^Acquire::(https?|ftp|tor|Retries|Check-|ForceIP)/.test(line))
    .join('\n');
}

/** A private world for apt: its own sources, lists and cache, and a package database in which nothing is installed. */
export async function writeAptFolder(apt: string, source: AptSource, architecture: string, acquire: string): Promise<void> {
  for (const folder of ['etc/apt.conf.d', 'etc/preferences.d', 'state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(apt, folder), { recursive: true });
  }
  await writeFile(join(apt, 'status'), '');
  await writeFile(
    join(apt, 'etc/sources.list'),
    `deb [signed-by=${source.keyring} arch=${architecture}] ${source.uri} ${source.suite} ${source.components.join(' ')}\n`,
  );
  const settings = {
    'Dir::Etc': join(apt, 'etc'),
    'Dir::Etc::sourcelist': join(apt, 'etc/sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::netrc': '/etc/apt/auth.conf',
    'Dir::State': join(apt, 'state'),
    'Dir::State::status': join(apt, 'status'),
    'Dir::Cache': join(apt, 'cache'),
    'Debug::NoLocking': 'true',
    'APT::Architecture': architecture,
    'APT::Install-Recommends': 'false',
    // Started by root, apt would download as `_apt`, who may not enter the project's folder.
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${JSON.stringify(value)};`);
  await writeFile(join(apt, 'apt.conf'), `${acquire}\n${lines.join('\n')}\n`);
}
