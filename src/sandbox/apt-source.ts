import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';

/** One line of an apt sources list. */
export interface AptSource {
  uri: string;
  suite: string;
  components: string[];
  /** File with the keys that the archive signs with. */
  keyring: string;
}

type Distribution = 'debian' | 'ubuntu';

const KEYRINGS: Record<Distribution, string> = {
  debian: '/usr/share/keyrings/debian-archive-keyring.gpg',
  ubuntu: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
};

/** What we unpack stands in these. */
const COMPONENTS: Record<Distribution, string[]> = { debian: ['main'], ubuntu: ['main', 'universe'] };

/**
 * Where to fetch a suite from: the mirror that this machine's apt uses already, unless told another.
 * `host` means the distribution and the suite that this machine runs; any other suite is Debian's.
 */
export async function aptSource(suite: string, mirror?: string, etc = '/etc'): Promise<AptSource> {
  const host = await hostRelease(etc);
  const distribution = suite === 'host' ? host.distribution : 'debian';
  if (suite === 'host' && host.codename === '') {
    throw new UserError(`${join(etc, 'os-release')} names no release (VERSION_CODENAME), so the package suite of this machine is unknown.`);
  }
  const uri = mirror ?? (await configuredUris(etc)).find((candidate) => new RegExp(`/${distribution}/?$`).test(candidate));
  if (uri === undefined) {
    throw new UserError(
      `The package sources of this machine (${join(etc, 'apt')}) name no ${distribution} mirror. ` +
        'Set DEBIAN_MIRROR to the address of one (http://…/debian), or use Docker.',
    );
  }
  const keyring = KEYRINGS[distribution];
  if (!existsSync(keyring)) {
    throw new UserError(
      `${keyring} is missing, without which packages can't be verified. Install the package ${distribution}-${distribution === 'debian' ? 'archive-keyring' : 'keyring'}.`,
    );
  }
  return { uri, suite: suite === 'host' ? host.codename : suite, components: COMPONENTS[distribution], keyring };
}

async function hostRelease(etc: string): Promise<{ distribution: Distribution; codename: string }> {
  const text = await readFile(join(etc, 'os-release'), 'utf8').catch(() => '');
  const value = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const family = `${value('ID')} ${value('ID_LIKE')}`;
  return { distribution: /\bubuntu\b/.test(family) ? 'ubuntu' : 'debian', codename: value('VERSION_CODENAME') };
}

/** Every archive address in the sources lists, in both formats: `URIs: …` and `deb [options] … suite component`. */
async function configuredUris(etc: string): Promise<string[]> {
  const parts = join(etc, 'apt/sources.list.d');
  const files = [join(etc, 'apt/sources.list'), ...(await readdir(parts).catch(() => [])).sort().map((name) => join(parts, name))];
  const uris: string[] = [];
  for (const file of files.filter((name) => /\.(list|sources)$/.test(name))) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const [, deb822, oneLine] of text.matchAll(/^(?:URIs:\s*(.*)|deb\s+(?:\[[^\]]*\]\s+)?(\S+).*)$/gm)) {
      uris.push(...(deb822 ?? oneLine ?? '').split(/\s+/).filter((uri) => /^https?:/.test(uri)));
    }
  }
  return uris;
}
