import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aptSource } from '../../src/sandbox/apt-source.ts';
import { debianTree, unpackDebian } from '../../src/sandbox/debian-packages.ts';
import { freePort } from '../../src/sandbox/free-port.ts';
import { withLock } from '../../src/sandbox/lock-file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringfence-debian-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('where packages come from', () => {
  async function machine(release: string, sources: Record<string, string>) {
    await mkdir(join(folder, 'apt/sources.list.d'), { recursive: true });
    await writeFile(join(folder, 'os-release'), release);
    for (const [file, text] of Object.entries(sources)) await writeFile(join(folder, 'apt', file), text);
  }
  const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_CODENAME=bookworm\n';

  test('the mirror that apt uses already serves any suite of Debian, however its lists are written', async () => {
    await machine(bookworm, {
      'sources.list.d/debian.sources':
        'Types: deb\nURIs: http://mirror.test/debian-security http://mirror.test/debian\nSuites: bookworm\nComponents: main\n',
    });
    expect(await aptSource('forky', undefined, folder)).toMatchObject({
      uri: 'http://mirror.test/debian',
      suite: 'forky',
      components: ['main'],
    });
    await rm(join(folder, 'apt/sources.list.d/debian.sources'));
    await writeFile(
      join(folder, 'apt/sources.list'),
      '# deb http://old.test/debian x main\ndeb [arch=amd64] https://line.test/debian/ bookworm main\n',
    );
    expect(await aptSource('host', undefined, folder)).toMatchObject({ uri: 'https://line.test/debian/', suite: 'bookworm' });
  });

  test('a machine without a Debian mirror is told which setting gives one', async () => {
    await machine('ID=ubuntu\nVERSION_CODENAME=noble\n', { 'sources.list': 'deb http://mirror.test/ubuntu noble main universe\n' });
    await expect(aptSource('forky', undefined, folder)).rejects.toThrow('Set DEBIAN_MIRROR');
    expect(await aptSource('forky', 'http://mine.test/debian', folder)).toMatchObject({ uri: 'http://mine.test/debian' });
  });
});

test('a mirror that cannot be reached is one clear message, and leaves no half tree', async () => {
  const dir = join(folder, 'tree');
  const mirror = `http://127.0.0.1:${await freePort()}/debian`;
  await expect(unpackDebian({ packages: ['redis-server'], suite: 'forky', dir, mirror })).rejects.toThrow(
    /^Downloading redis-server \(forky\) from 127\.0\.0\.1:\d+ failed: .*\n.*apt-get update/s,
  );
  expect(debianTree(dir)).toBeUndefined();
  expect(await readdir(folder)).toEqual([]);
});

test('a mirror that gives unsigned packages is refused', async () => {
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/Release'))
      response.end('Origin: Debian\nSuite: forky\nCodename: forky\nArchitectures: amd64\nComponents: main\n');
    else response.writeHead(404).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`;
  const dir = join(folder, 'tree');
  await expect(unpackDebian({ packages: ['redis-server'], suite: 'forky', dir, mirror })).rejects.toThrow(/not signed/);
  server.close();
  expect(debianTree(dir)).toBeUndefined();
});

test('a folder that holds files but was never finished is not taken for a tree', async () => {
  await mkdir(join(folder, 'tree/usr/bin'), { recursive: true });
  expect(debianTree(join(folder, 'tree'))).toBeUndefined();
});

test('two who want the same work done take turns, and a lock whose holder died is taken over', async () => {
  const lock = join(folder, 'work.lock');
  // No process has this id: the kernel's highest is below it.
  await writeFile(lock, '99999999');
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 20));
    inside--;
  };
  await Promise.all([withLock(lock, work), withLock(lock, work), withLock(lock, work)]);
  expect(most).toBe(1);
});

test('who waits for a lock can be told to stop waiting', async () => {
  const lock = join(folder, 'work.lock');
  await writeFile(lock, String(process.pid));
  const waiting = withLock(lock, async () => {}, AbortSignal.timeout(50));
  await expect(waiting).rejects.toThrow(/timeout/i);
});
