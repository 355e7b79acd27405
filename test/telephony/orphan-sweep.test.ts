import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AsteriskSandbox, startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import { sweepOrphans } from '../../src/telephony/orphan-sweep.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const people = loadPeople();
let asterisk: AsteriskSandbox;
let connection: AriConnection;

beforeEach(async () => {
  asterisk = await startAsteriskSandbox({ people });
  connection = createAriConnection({ ...asterisk, app: 'app', logger: quiet, requestTimeoutMs: 2_000 });
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
  const endpoint = `PJSIP/${people.byRole('answers-and-confirms').number}@trunk`;
  for (const channelId of ['ours-alive', 'ours-dead', 'theirs']) {
    await connection.createChannel({ channelId, endpoint, app: 'app', variables: {} });
    await connection.createMixingBridge(`${channelId}-bridge`, 'app');
  }
});
afterEach(async () => {
  await connection.close();
  await asterisk.close();
});

const ownerOf = (id: string) => (id.startsWith('ours-') ? id : undefined);
const left = () => [...asterisk.channels(), ...asterisk.bridges()].map(({ id }) => id).sort();
const everything = ['ours-alive', 'ours-alive-bridge', 'ours-dead', 'ours-dead-bridge', 'theirs', 'theirs-bridge'];

it('channels and bridges without a living owner are ended, and nothing else is touched', async () => {
  const areLiving = async (owners: string[]) => owners.map((owner) => owner.startsWith('ours-alive'));
  expect(await sweepOrphans({ connection, ownerOf, areLiving, logger: quiet })).toBe(2);
  expect(left()).toEqual(['ours-alive', 'ours-alive-bridge', 'theirs', 'theirs-bridge']);
  expect(await sweepOrphans({ connection, ownerOf, areLiving, logger: quiet })).toBe(0);
});

it('while nobody can tell who is alive, because Redis was away, nothing is ended', async () => {
  expect(await sweepOrphans({ connection, ownerOf, areLiving: async () => undefined, logger: quiet })).toBe(0);
  expect(left()).toEqual(everything);
});

it('a call that begins while the sweep looks is not mistaken for an orphan: owners are asked after Asterisk', async () => {
  const alive = new Set<string>();
  const areLiving = async (owners: string[]) => {
    // Taken down between the list and the question, like any call that begins then.
    for (const owner of owners) alive.add(owner);
    return owners.map((owner) => alive.has(owner));
  };
  expect(await sweepOrphans({ connection, ownerOf, areLiving, logger: quiet })).toBe(0);
  expect(left()).toEqual(everything);
});
