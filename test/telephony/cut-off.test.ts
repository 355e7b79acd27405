import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type AsteriskSandbox, startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import type { CallChannel } from '../../src/telephony/dialler.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';

const logger = { info() {}, warn() {}, error() {} };
const people = loadPeople();
let asterisk: AsteriskSandbox;
let connection: AriConnection;

beforeEach(async () => {
  asterisk = await startAsteriskSandbox({ people });
  const reconnectDelaysMs = { first: 20, longest: 100 };
  connection = createAriConnection({ ...asterisk, app: `test-${randomUUID()}`, logger, reconnectDelaysMs });
  await connection.waitUntilConnected();
});
afterEach(async () => {
  await connection.close();
  await asterisk.close();
});

async function answered(role: string): Promise<CallChannel> {
  const result = await createDialler(connection, { logger }).dial({
    channelId: `test-${randomUUID()}`,
    endpoint: `Local/${people.byRole(role).number}@people`,
    callerId: '+12025550199',
    answerTimeoutMs: 10_000,
    mark: async () => true,
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  if (result.kind !== 'answered') throw new Error(`nobody answered: ${JSON.stringify(result)}`);
  return result.channel;
}

const over = async (channel: CallChannel) => {
  await channel.ended;
  return channel.signal.reason as unknown;
};

it('a call that a restart of Asterisk cuts off is not taken for one that the callee ended', async () => {
  const channel = await answered('says-nothing');
  await asterisk.restart();
  expect(await over(channel)).toMatchObject({ service: 'asterisk', code: 'restarted', category: 'transient' });
});

it('a callee who hangs up while no events reach us has hung up', async () => {
  const channel = await answered('hangs-up-early');
  // Never heard of: the socket is away before, and back after.
  asterisk.halfOpenEvents();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  asterisk.dropEvents();
  expect(await over(channel)).not.toHaveProperty('service');
});
