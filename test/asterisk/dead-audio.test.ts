import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApologyByAsterisk } from '../../src/call/apology-by-asterisk.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type PeopleApp, startPeopleApp } from '../../src/sandbox/people/people-app.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import { placeCall } from '../media/replaced-leg.ts';
import { dataDir } from './prepared.ts';

describe('a call of a real Asterisk whose audio is dead', () => {
  const people = loadPeople();
  const text = 'We have to end this call here.';
  let asterisk: RealAsterisk;
  let app: PeopleApp;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'speech-'));
    asterisk = await startRealAsterisk({ dataDir });
    app = await startPeopleApp(asterisk, people);
  });
  afterAll(async () => {
    await app?.stop();
    await asterisk?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** In the bridge, as in a talk; the leg is gone. */
  async function deadCall() {
    const { ariUrl: url, username, password, dialStrings } = asterisk;
    const endpoint = dialStrings.people.replace('{e164}', people.byRole('says-nothing').number);
    const call = await placeCall({ url, username, password, endpoint, people }, 'websocket');
    await call.audio.leave();
    return call;
  }
  const warnings: string[] = [];
  const apology = (asAsteriskSees?: string) =>
    createApologyByAsterisk({ folder, asAsteriskSees, sampleRate: 16_000, log: { warn: (_, message) => void warnings.push(message) } });
  const never = new AbortController().signal;
  const line = { text, pcm: speak(text, 16_000) };

  test('plays our apology to the callee, word for word', async () => {
    const call = await deadCall();
    expect(await apology()(call.channel, line, never)).toBe(true);
    await call.end();
    await expect.poll(() => people.log.at(-1)?.heardText, { timeout: 10_000 }).toBe(text);
    expect(warnings).toEqual([]);
  });

  test('says sorry in its own voice when it can not read our folder, and the log says what to do', async () => {
    const call = await deadCall();
    expect(await apology(`/nowhere/${randomUUID()}`)(call.channel, line, never)).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('ASTERISK_SPEECH_DIR')]);
    await call.end();
  });
});
