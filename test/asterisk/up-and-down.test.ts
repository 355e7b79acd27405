import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askAsterisk } from '../../src/sandbox/ask-asterisk.ts';
import { knownService } from '../../src/sandbox/asterisk-service.ts';
import { freePort } from '../../src/sandbox/free-port.ts';
import { dataDir } from './prepared.ts';

describe('npm run asterisk', () => {
  let folder = '';

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ringfence-up-'));
    await symlink(resolve(dataDir, 'debian'), join(folder, 'debian'));
  });
  afterEach(async () => {
    await asterisk(['down']);
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs the script as a user would, in a world without settings but these. */
  function asterisk(args: string[], env: Record<string, string> = {}): Promise<{ code: number; output: string }> {
    return new Promise((settle) => {
      const script = resolve('scripts/asterisk.ts');
      const environment = { PATH: '/usr/bin:/bin', DATA_DIR: folder, ...env };
      execFile(process.execPath, [script, ...args], { cwd: folder, env: environment }, (error, stdout, stderr) => {
        settle({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr });
      });
    });
  }

  const answer = async () => {
    const service = knownService(folder);
    if (service === undefined) throw new Error('nothing was written down');
    return askAsterisk({ url: service.ariUrl, username: service.username, password: service.password });
  };

  // Seven processes one after the other, on a machine that may be busy.
  test('up, up again, down, and up at the same address with the same password', { timeout: 90_000 }, async () => {
    const first = await asterisk(['up', '--using', 'debian']);
    expect(first).toMatchObject({ code: 0, output: expect.stringContaining('answers at http://127.0.0.1:') });
    expect(await answer()).toHaveProperty('version');
    const before = knownService(folder);
    expect((await asterisk(['up'])).output).toContain(`process ${before?.pid}, answers`);

    expect((await asterisk(['down'])).output).toContain('stopped');
    expect(await answer()).toHaveProperty('failure');
    expect((await asterisk(['status'])).output).toContain('nothing runs');
    expect((await asterisk(['down'])).output).toContain('Nothing to stop');

    await asterisk(['up', '--using', 'debian']);
    expect(knownService(folder)).toMatchObject({ ariUrl: before?.ariUrl, password: before?.password });
    expect(await answer()).toHaveProperty('version');
  });

  test('an Asterisk that is configured is checked, and nothing is started', async () => {
    const pbx = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(request.url?.endsWith('/info') ? '{"system":{"version":"22.0.0-pbx"}}' : '{}');
    });
    await new Promise<void>((listening) => pbx.listen(0, '127.0.0.1', listening));
    const env = { ARI_URL: `http://127.0.0.1:${(pbx.address() as AddressInfo).port}`, ARI_USERNAME: 'u', ARI_PASSWORD: 'very-secret' };
    const up = await asterisk(['up'], env);
    pbx.close();
    expect(up).toMatchObject({ code: 0, output: expect.stringContaining('version 22.0.0-pbx. Nothing to start.') });
    expect(up.output).not.toContain('very-secret');
    expect(knownService(folder)).toBeUndefined();
  });

  test('a configured Asterisk that is not there is one clear message and a failure', async () => {
    const env = { ARI_URL: `http://127.0.0.1:${await freePort()}`, ARI_USERNAME: 'u', ARI_PASSWORD: 'p' };
    const up = await asterisk(['up'], env);
    expect(up).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^The configured Asterisk \(ARI_URL .*\) can't be used: ECONNREFUSED\./),
    });
    expect(up.output).not.toContain('    at ');
  });
});
