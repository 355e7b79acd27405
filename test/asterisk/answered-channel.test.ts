import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type PeopleApp, startPeopleApp } from '../../src/sandbox/people/people-app.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import { tellOfAnsweredChannels } from '../telephony/answered-channel.ts';
import { dataDir } from './prepared.ts';

describe('an answered channel of a real Asterisk', () => {
  const people = loadPeople();
  let asterisk: RealAsterisk;
  let app: PeopleApp;
  let connection: AriConnection;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sounds-'));
    asterisk = await startRealAsterisk({ dataDir });
    app = await startPeopleApp(asterisk, people);
    const logger = { info() {}, warn() {}, error() {} };
    connection = createAriConnection({ ...asterisk, url: asterisk.ariUrl, app: `answered-${randomUUID()}`, logger });
    await connection.waitUntilConnected();
  });
  afterAll(async () => {
    await connection?.close();
    await app?.stop();
    await asterisk?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  tellOfAnsweredChannels(() => ({
    connection,
    people,
    folder,
    endpoint: `PJSIP/${people.byRole('says-nothing').number}@people`,
  }));
});
