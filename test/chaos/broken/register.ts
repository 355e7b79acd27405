import { registerHooks } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isBroken, MECHANISMS, type Mechanism } from './mechanisms.ts';

// Imported before a worker: whoever imports a file with a broken mechanism gets ours instead, which wraps the true one.
const root = join(import.meta.dirname, '../../..');
const here = pathToFileURL(`${import.meta.dirname}/`).href;
const replaced = new Map<string, string>();
for (const [mechanism, file] of Object.entries(MECHANISMS)) {
  if (!isBroken(mechanism as Mechanism)) continue;
  replaced.set(pathToFileURL(join(root, file)).href, new URL(basename(file), here).href);
}

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    const instead = context.parentURL?.startsWith(here) ? undefined : replaced.get(resolved.url);
    return instead === undefined ? resolved : { ...resolved, url: instead };
  },
});
