import { afterAll, beforeAll, describe } from 'vitest';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type PeopleApp, startPeopleApp } from '../../src/sandbox/people/people-app.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { tellOfTransfers } from '../call/transferring.ts';
import { dataDir } from './prepared.ts';

describe('a transfer on a real Asterisk', () => {
  const people = loadPeople();
  let asterisk: RealAsterisk;
  let app: PeopleApp;
  beforeAll(async () => {
    asterisk = await startRealAsterisk({ dataDir });
    app = await startPeopleApp(asterisk, people);
  });
  afterAll(async () => {
    await app?.stop();
    await asterisk?.stop();
  });

  tellOfTransfers(() => {
    const { ariUrl: url, username, password, dialStrings } = asterisk;
    return { url, username, password, people, endpointOf: (number) => dialStrings.people.replace('{e164}', number) };
  });
});
