import Table from 'cli-table3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { connectWebsocketLeg } from '../../src/media/websocket-leg.ts';
import { type Carrier, startCarrier } from '../../src/sandbox/carrier.ts';
import { CARRIER_NUMBERS } from '../../src/sandbox/carrier-scenario.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import type { ChannelEnd, DialResult } from '../../src/telephony/dialler.ts';
import { bridgeTogether, openExternalMedia } from '../../src/telephony/external-media.ts';
import { unansweredMeaning } from '../../src/telephony/hangup-causes.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';
import { dataDir } from './prepared.ts';

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

interface Row {
  callee: string;
  result: string;
  reason: string;
}

describe('what a real Asterisk tells of a dial', () => {
  const table: Row[] = [];
  let asterisk: RealAsterisk;
  let carrier: Carrier;
  let connection: AriConnection;
  let calls = 0;

  beforeAll(async () => {
    asterisk = await startRealAsterisk({ dataDir });
    carrier = await startCarrier(asterisk);
    connection = createAriConnection({ ...asterisk, url: asterisk.ariUrl, app: 'dispositions', logger });
    await connection.waitUntilConnected(AbortSignal.timeout(10_000));
  });
  afterAll(async () => {
    await connection?.close();
    await carrier?.stop();
    await asterisk?.stop();
    const printed = new Table({ head: ['callee', 'disposition', 'why'], style: { head: [], border: [] } });
    for (const { callee, result, reason } of table) printed.push([callee, result, reason]);
    if (table.length > 0) console.log(`${printed.toString()}\n`);
  });

  const dial = async (
    endpoint: string,
    options: { answerTimeoutMs?: number; mark?: () => Promise<boolean>; signal?: AbortSignal } = {},
  ) => {
    const progress: string[] = [];
    const result = await createDialler(connection, { logger }).dial({
      ...{ channelId: `test-${++calls}.1`, endpoint, callerId: '+12025550100' },
      ...{ answerTimeoutMs: options.answerTimeoutMs ?? 15_000, mark: options.mark ?? (async () => true) },
      ...{ onProgress: (step: string) => progress.push(step), signal: options.signal ?? new AbortController().signal },
    });
    return { result, progress };
  };
  const tell = (callee: string, result: string, reason: string) => table.push({ callee, result, reason });
  const endOf = (result: DialResult): ChannelEnd => {
    if (result.kind !== 'unanswered') throw new Error(`expected nobody to answer, got ${result.kind}`);
    return result.end;
  };
  const expectNothingLeft = async () => {
    await expect.poll(async () => (await connection.listChannels()).map(({ id }) => id), { timeout: 5_000 }).toEqual([]);
    expect(connection.listenedChannels).toBe(0);
  };

  test.each([
    ['Local/busy@callee', 'busy', 17],
    ['Local/rings-out@callee', 'no-answer', 19],
    ['Local/rejects@callee', 'rejected', 21],
    ['Local/unallocated@callee', 'invalid-number', 1],
    ['Local/congestion@callee', 'congestion', 34],
    ['Local/nobody-has-this@callee', 'failed', 16],
  ])('%s ends as %s, cause %i', async (endpoint, disposition, cause) => {
    const { result } = await dial(endpoint, { answerTimeoutMs: 2_000 });
    const meaning = unansweredMeaning(endOf(result));
    tell(endpoint, meaning.disposition, meaning.reason);
    expect(endOf(result)).toMatchObject({ cause, byUs: false });
    expect(meaning.disposition).toBe(disposition);
    await expectNothingLeft();
  });

  test.each([
    [486, 'busy', 17, 486],
    [404, 'invalid-number', 1, 404],
    [484, 'invalid-number', 28, 484],
    [503, 'congestion', 34, 503],
    [500, 'congestion', 38, 500],
    [603, 'rejected', 21, 603],
    [403, 'rejected', 21, 403],
    [480, 'no-answer', 19, 480],
    [408, 'congestion', 18, 408],
    [488, 'failed', 58, 488],
    ['rings-out', 'no-answer', 19, 480],
    ['never-replies', 'congestion', 19, 480],
  ] as const)('a carrier with %s ends as %s, cause %i, SIP %i', async (behaviour, disposition, cause, techCause) => {
    const number = CARRIER_NUMBERS[behaviour];
    const { result } = await dial(`PJSIP/${number}@trunk`, { answerTimeoutMs: 2_000 });
    const meaning = unansweredMeaning(endOf(result));
    tell(`carrier: ${behaviour}`, meaning.disposition, meaning.reason);
    expect(endOf(result)).toMatchObject({ cause, techCause, byUs: false });
    expect(meaning.disposition).toBe(disposition);
    expect((await carrier.invites()).filter((invite) => invite.number === number)).toHaveLength(1);
    await expectNothingLeft();
  });

  test.each([
    ['Local/answers@callee', true],
    ['Local/hangs-up@callee', false],
    [`PJSIP/${CARRIER_NUMBERS.answers}@trunk`, true],
    [`PJSIP/${CARRIER_NUMBERS['early-media']}@trunk`, true],
    [`PJSIP/${CARRIER_NUMBERS['hangs-up']}@trunk`, false],
  ])('%s picks up; that we hang up: %s', async (endpoint, weHangUp) => {
    const { result, progress } = await dial(endpoint);
    if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
    if (weHangUp) await result.channel.hangup();
    const end = await result.channel.ended;
    tell(endpoint, 'answered', `${end.byUs ? 'we' : 'they'} hung up (cause ${end.cause})`);
    expect(end.byUs).toBe(weHangUp);
    expect(progress[0]).toBe('dialing');
    if (endpoint.startsWith('PJSIP')) expect(progress).toEqual(['dialing', 'ringing']);
    await expectNothingLeft();
  });

  test('a dial string that leads nowhere is a wrong dial string, not an ill Asterisk', async () => {
    for (const endpoint of ['PJSIP/+12025550123@nosuchtrunk', 'Nonsense/1']) {
      const { result } = await dial(endpoint);
      expect(result).toMatchObject({ kind: 'not-sent', error: { code: 'allocation-failed', category: 'permanent' } });
      tell(endpoint, 'not sent', 'allocation-failed');
    }
    await expectNothingLeft();
  });

  test('whoever lost the right to the attempt, or calls it off, sends no INVITE', async () => {
    const before = (await carrier.invites()).length;
    const endpoint = `PJSIP/${CARRIER_NUMBERS.answers}@trunk`;
    expect((await dial(endpoint, { mark: async () => false })).result).toEqual({ kind: 'not-mine' });
    const calledOff = new AbortController();
    const mark = async () => {
      calledOff.abort();
      return true;
    };
    expect((await dial(endpoint, { mark, signal: calledOff.signal })).result).toMatchObject({ kind: 'not-sent' });
    expect(await carrier.invites()).toHaveLength(before);
    await expectNothingLeft();
  });

  test('called off while it rings, the phone stops ringing', async () => {
    const calledOff = new AbortController();
    const { result } = await dial(`PJSIP/${CARRIER_NUMBERS['rings-out']}@trunk`, {
      signal: AbortSignal.any([calledOff.signal, AbortSignal.timeout(1_000)]),
    });
    expect(unansweredMeaning(endOf(result)).disposition).toBe('cancelled');
    tell('carrier: rings, called off', 'cancelled', unansweredMeaning(endOf(result)).reason);
    await expectNothingLeft();
  });

  test('the callee is shown the number from which we call', async () => {
    const { result } = await dial('Local/answers@callee');
    if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
    expect(await connection.getVariable(`${result.channel.id}`, 'CALLERID(num)')).toBe('+12025550100');
    expect(await connection.getVariable(result.channel.id, 'CONNECTEDLINE(num)')).toBe('+12025550100');
    expect(Number(await connection.getVariable(result.channel.id, 'TIMEOUT(absolute)'))).toBeGreaterThan(0);
    await result.channel.hangup();
    await expectNothingLeft();
  });

  test('what we say comes back from a callee who echoes, and nothing of the call is left afterwards', async () => {
    const { result } = await dial('Local/echo@callee');
    if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
    const media = await openExternalMedia(connection, { sampleRate: 16_000, logger, signal: result.channel.signal });
    const leg = await connectWebsocketLeg({ ...media, sampleRate: 16_000, connectTimeoutMs: 5_000, signal: undefined });
    await media.started();
    await bridgeTogether(connection, [result.channel.id, media.channelId], logger);
    let loudFrames = 0;
    leg.onFrame((frame) => {
      if (frame.some((_byte, at) => at % 2 === 0 && at + 1 < frame.length && Math.abs(frame.readInt16LE(at)) > 3_000)) loudFrames += 1;
    });
    const tone = Buffer.alloc(32_000);
    for (let at = 0; at < tone.length; at += 2) tone.writeInt16LE(Math.round(8_000 * Math.sin(at / 10)), at);
    const utterance = leg.speak();
    await utterance.write(tone);
    utterance.end();
    expect(await utterance.played).toEqual({ heardMs: 1_000, complete: true });
    await expect.poll(() => loudFrames, { timeout: 5_000 }).toBeGreaterThan(40);
    await result.channel.hangup();
    await leg.closed;
    await expectNothingLeft();
  });
});
