import { afterAll, beforeAll, describe } from 'vitest';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type PeopleApp, startPeopleApp } from '../../src/sandbox/people/people-app.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { MEDIA_KINDS } from '../media/answered-line.ts';
import { tellOfReplacement } from '../media/replaced-leg.ts';
import { dataDir } from './prepared.ts';

describe.each(MEDIA_KINDS)('a call by %s on a real Asterisk', (kind) => {
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

  const underTest = () => {
    const { ariUrl: url, username, password, dialStrings } = asterisk;
    const endpoint = dialStrings.localPeople.replace('{e164}', people.byRole('answers-and-confirms').number);
    return { url, username, password, endpoint, people };
  };
  // Asterisk ends the leg's channel, and with it the connection.
  tellOfReplacement(underTest, kind, ({ connection, audio }) => connection.hangup(audio.leg.channelId, 'normal'));
});
