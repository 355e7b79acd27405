import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AsteriskSandbox, startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import { answeredChannel, tellOfAnsweredChannels } from './answered-channel.ts';

describe('an answered channel', () => {
  const people = loadPeople();
  const logger = { info() {}, warn() {}, error() {} };
  let asterisk: AsteriskSandbox;
  let connection: AriConnection;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sounds-'));
    asterisk = await startAsteriskSandbox({ people });
    connection = createAriConnection({ ...asterisk, app: `answered-${randomUUID()}`, logger });
    await connection.waitUntilConnected();
  });
  afterAll(async () => {
    await connection.close();
    await asterisk.close();
    await rm(folder, { recursive: true });
  });

  tellOfAnsweredChannels(() => ({
    connection,
    people,
    folder,
    endpoint: `Local/${people.byRole('says-nothing').number}@people`,
  }));

  test('a sound is stopped when nobody is to hear it any more', async () => {
    await writeFile(join(folder, 'long.sln16'), Buffer.alloc(16_000 * 2 * 20));
    const channel = await answeredChannel(connection, `Local/${people.byRole('says-nothing').number}@people`);
    const enough = new AbortController();
    const played = channel.play([`sound:${join(folder, 'long')}`], enough.signal);
    enough.abort();
    expect(await played).toBe(false);
    await channel.hangup();
    expect(connection.listenedChannels).toBe(0);
  });

  test('a callee who hangs up ends the sound that they hear', async () => {
    await writeFile(join(folder, 'long.sln16'), Buffer.alloc(16_000 * 2 * 20));
    const channel = await answeredChannel(connection, `Local/${people.byRole('hangs-up-early').number}@people`);
    expect(await channel.play([`sound:${join(folder, 'long')}`], new AbortController().signal)).toBe(false);
    await channel.ended;
  });
});
