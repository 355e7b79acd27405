import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectWebsocketLeg } from '../../src/media/websocket-leg.ts';
import { type AsteriskSandbox, startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import type { CallChannel } from '../../src/telephony/dialler.ts';
import { bridgeTogether, openExternalMedia } from '../../src/telephony/external-media.ts';
import { unansweredMeaning } from '../../src/telephony/hangup-causes.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const people = loadPeople();
let asterisk: AsteriskSandbox;
let connection: AriConnection;
let calls = 0;

beforeEach(async () => {
  asterisk = await startAsteriskSandbox({ people });
  connection = createAriConnection({
    ...asterisk,
    app: 'app',
    logger,
    requestTimeoutMs: 1_000,
    reconnectDelaysMs: { first: 10, longest: 50 },
  });
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
});
afterEach(async () => {
  await connection.close();
  await asterisk.close();
});

function dialRole(role: string, answerTimeoutMs = 15_000) {
  const { number } = people.byRole(role);
  return createDialler(connection, { logger }).dial({
    ...{ channelId: `test-${++calls}.1`, endpoint: `PJSIP/${number}@trunk`, callerId: '+12025550100', answerTimeoutMs },
    ...{ mark: async () => true, onProgress: () => undefined, signal: new AbortController().signal },
  });
}

async function callee(role = 'answers-and-confirms'): Promise<CallChannel> {
  const result = await dialRole(role);
  if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
  return result.channel;
}

async function talk(channel: CallChannel) {
  const media = await openExternalMedia(connection, { sampleRate: 16_000, logger, signal: channel.signal });
  const leg = await connectWebsocketLeg({ ...media, sampleRate: 16_000, connectTimeoutMs: 5_000, signal: undefined });
  await media.started();
  return { media, leg, bridge: await bridgeTogether(connection, [channel.id, media.channelId], logger) };
}

async function expectNothingLeft(): Promise<void> {
  await vi.waitFor(() => expect([asterisk.channels(), asterisk.bridges(), connection.listenedChannels]).toEqual([[], [], 0]), {
    timeout: 5_000,
  });
}

test('the callee and the leg hear each other; when the callee is gone, leg and bridge go with it', async () => {
  const channel = await callee();
  const { leg } = await talk(channel);
  const frames = vi.fn();
  leg.onFrame(frames);
  await vi.waitFor(() => expect(frames.mock.calls.length).toBeGreaterThan(10), { timeout: 5_000 });
  expect(asterisk.bridges()).toHaveLength(1);
  await channel.hangup();
  await leg.closed;
  await expectNothingLeft();
});

test('when the leg dies first, the callee is still there to be told; hanging up leaves nothing', async () => {
  const channel = await callee();
  const { media, leg } = await talk(channel);
  await leg.close();
  await vi.waitFor(() => expect(media.signal.aborted).toBe(true));
  expect(channel.signal.aborted).toBe(false);
  await channel.hangup();
  await expectNothingLeft();
});

test('when the bridge is destroyed first, the rest is taken down as ever', async () => {
  const channel = await callee();
  const { media, bridge } = await talk(channel);
  await bridge.destroy();
  await bridge.destroy();
  await Promise.all([channel.hangup(), media.hangup()]);
  await expectNothingLeft();
});

test('a leg that nobody connects to may not be bridged, and is hung up', async () => {
  const media = await openExternalMedia(connection, { sampleRate: 8_000, logger });
  await expect(media.started(50)).rejects.toMatchObject({ code: 'no-stasis-start' });
  await media.hangup();
  await expect(media.started(50)).rejects.toMatchObject({ code: 'media-leg-gone' });
  await expectNothingLeft();
});

test('the callee is gone before the bridge is made: no bridge is left', async () => {
  const channel = await callee();
  const media = await openExternalMedia(connection, { sampleRate: 16_000, logger });
  await channel.hangup();
  await expect(bridgeTogether(connection, [channel.id, media.channelId], logger)).rejects.toMatchObject({ service: 'asterisk' });
  await media.hangup();
  await expectNothingLeft();
});

test('called off before it is opened: nothing is asked for', async () => {
  await expect(openExternalMedia(connection, { sampleRate: 16_000, logger, signal: AbortSignal.abort() })).rejects.toThrow();
  await expectNothingLeft();
});

test.each([
  ['busy', 'busy'],
  ['rejects', 'rejected'],
  ['invalid-number', 'invalid-number'],
  ['congestion', 'congestion'],
  ['no-answer', 'no-answer'],
])('who is or does "%s" is told as %s', async (role, disposition) => {
  const result = await dialRole(role, 1_000);
  expect(result.kind === 'unanswered' && unansweredMeaning(result.end).disposition).toBe(disposition);
  await expectNothingLeft();
});

test('Asterisk is killed in the middle of a call and comes back: the call has ended, the next one works', async () => {
  const channel = await callee();
  await asterisk.restart();
  expect(await channel.ended).toEqual({ cause: 0, byUs: false });
  await vi.waitFor(() => expect(connection.state).toBe('connected'), { timeout: 5_000 });
  await (await callee()).hangup();
  await expectNothingLeft();
});
