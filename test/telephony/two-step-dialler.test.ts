import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import type { CallChannel, DialRequest, DialResult } from '../../src/telephony/dialler.ts';
import { createDialler, type DiallerOptions } from '../../src/telephony/two-step-dialler.ts';
import { hang, inTurn, reset, type ScriptedAsterisk, type Step, startScriptedAsterisk, status } from './scripted-asterisk.ts';

const ID = 'test-attempt.1';
const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
let asterisk: ScriptedAsterisk;
let connection: AriConnection;

beforeEach(async () => {
  vi.clearAllMocks();
  asterisk = await startScriptedAsterisk();
  connection = createAriConnection({
    ...{ url: asterisk.url, username: 'worker', password: 'pass', app: 'app', logger },
    ...{ requestTimeoutMs: 1_000, reconnectDelaysMs: { first: 10, longest: 50 } },
  });
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
});

afterEach(async () => {
  await connection.close();
  await asterisk.stop();
});

/** Holds in every story. */
function expectNothingLeft(): void {
  expect(asterisk.count('create')).toBeLessThanOrEqual(1);
  expect(asterisk.count('dial')).toBeLessThanOrEqual(1);
  expect([...asterisk.living.keys()]).toEqual([]);
  expect(connection.listenedChannels).toBe(0);
}

function dial(more: Partial<DialRequest> = {}, options: Partial<DiallerOptions> = {}): Promise<DialResult> {
  return createDialler(connection, { logger, ...options }).dial({
    ...{ channelId: ID, endpoint: 'PJSIP/+12025550123@trunk', callerId: '+12025550100', answerTimeoutMs: 60_000 },
    ...{ mark: async () => true, onProgress: () => undefined, signal: new AbortController().signal },
    ...more,
  });
}

function came(step: Step): Promise<void> {
  return vi.waitFor(() => expect(asterisk.steps(ID)).toContain(step), { timeout: 5_000, interval: 2 });
}

function answered(result: DialResult): CallChannel {
  if (result.kind !== 'answered') throw new Error(`not answered but ${JSON.stringify(result)}`);
  return result.channel;
}

test('the channel is made, marked and only then dialled; the callee answers; hanging up ends it', async () => {
  const story: string[] = [];
  const result = dial({
    mark: async () => {
      story.push(`mark after ${asterisk.steps(ID).join(' ')}`);
      return true;
    },
    onProgress: (progress) => story.push(progress),
  });
  await came('dial');
  asterisk.state(ID, 'Ringing');
  asterisk.state(ID, 'Ringing');
  asterisk.state(ID, 'Up');
  const channel = answered(await result);
  expect(story).toEqual(['mark after create', 'dialing', 'ringing']);
  const digits: string[] = [];
  channel.onDtmf((digit) => digits.push(digit));
  asterisk.tellChannel('ChannelDtmfReceived', ID, { digit: '9', duration_ms: 100 });
  await vi.waitFor(() => expect(digits).toEqual(['9']));
  expect(channel.signal.aborted).toBe(false);
  await channel.hangup();
  expect(await channel.ended).toEqual({ cause: 16, byUs: true });
  expect(channel.signal.aborted).toBe(true);
  expectNothingLeft();
});

test('Asterisk is told the caller’s number for the INVITE, and the dead-man’s switch', async () => {
  const result = dial();
  await came('dial');
  const create = asterisk.seen.find(({ step }) => step === 'create');
  expect(JSON.parse(create?.body ?? '')).toEqual({
    variables: { 'TIMEOUT(absolute)': '30', 'CALLERID(num)': '+12025550100', 'CONNECTEDLINE(num,i)': '+12025550100' },
  });
  expect(Object.fromEntries(create?.query ?? [])).toEqual({ endpoint: 'PJSIP/+12025550123@trunk', app: 'app', channelId: ID });
  expect(asterisk.seen.find(({ step }) => step === 'dial')?.query.get('timeout')).toBe('60');
  asterisk.end(ID, 17, 486);
  expect(await result).toEqual({ kind: 'unanswered', end: { cause: 17, techCause: 486, byUs: false } });
  expectNothingLeft();
});

test('a channel that is slow to announce itself is not dialled before it has', async () => {
  asterisk.script('create', ({ response, query }) => {
    asterisk.living.set(query.get('channelId') ?? '', 'Down');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: ID, state: 'Down' }));
  });
  const mark = vi.fn(async () => true);
  const result = dial({ mark });
  await came('create');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(mark).not.toHaveBeenCalled();
  asterisk.tellChannel('StasisStart', ID);
  await came('dial');
  asterisk.end(ID, 17);
  expect(await result).toMatchObject({ kind: 'unanswered' });
  expectNothingLeft();
});

test('a channel that never announces itself is removed, and nothing was sent', async () => {
  asterisk.script('create', ({ response }) => {
    asterisk.living.set(ID, 'Down');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: ID, state: 'Down' }));
  });
  expect(await dial({}, { stasisStartTimeoutMs: 50 })).toMatchObject({ kind: 'not-sent', error: { code: 'no-stasis-start' } });
  expect(asterisk.count('dial')).toBe(0);
  expectNothingLeft();
});

test('an end that comes before the answer to the request is the end', async () => {
  asterisk.script('dial', ({ response }) => {
    asterisk.tell({ type: 'Dial', dialstatus: '', peer: { id: ID, state: 'Down' } });
    asterisk.end(ID, 1, 404);
    setTimeout(() => response.writeHead(204).end(), 50);
  });
  expect(await dial()).toEqual({ kind: 'unanswered', end: { cause: 1, techCause: 404, byUs: false } });
  expectNothingLeft();
});

test('a reason that Asterisk has forgotten at the end is the one with which the far end hung up', async () => {
  const result = dial();
  await came('dial');
  asterisk.tellChannel('ChannelHangupRequest', ID, { cause: 1 });
  asterisk.tellChannel('ChannelHangupRequest', ID, { cause: 32, soft: true });
  asterisk.end(ID, 16);
  expect(await result).toEqual({ kind: 'unanswered', end: { cause: 1, techCause: undefined, byUs: false } });
  expectNothingLeft();
});

test('who lost the right to the attempt hangs up and dials nobody', async () => {
  expect(await dial({ mark: async () => false })).toEqual({ kind: 'not-mine' });
  expect(asterisk.steps(ID)).toEqual(['create', 'hangup']);
  expectNothingLeft();
});

test('who can’t write the mark down hangs up, dials nobody and says why', async () => {
  const lost = new Error('Redis is gone');
  await expect(dial({ mark: () => Promise.reject(lost) })).rejects.toBe(lost);
  expect(asterisk.steps(ID)).toEqual(['create', 'hangup']);
  expectNothingLeft();
});

test('a dial string that leads nowhere is named as that, without the number', async () => {
  asterisk.script('create', status(500, 'Allocation failed'));
  const result = await dial();
  expect(result).toMatchObject({ kind: 'not-sent', error: { code: 'allocation-failed', category: 'permanent' } });
  expect(JSON.stringify(result.kind === 'not-sent' && result.error.message)).not.toContain('2025550123');
  expectNothingLeft();
});

test('a 409 for a channel that does not exist is the same wrong dial string', async () => {
  asterisk.script('create', status(409, 'Channel with given unique ID already exists'));
  expect(await dial()).toMatchObject({ kind: 'not-sent', error: { code: 'allocation-failed' } });
  expectNothingLeft();
});

test('a channel of that name that is truly alive is removed; another epoch may try', async () => {
  asterisk.living.set(ID, 'Down');
  asterisk.script('create', status(409, 'Channel with given unique ID already exists'));
  expect(await dial()).toMatchObject({ kind: 'not-sent', error: { code: 'channel-exists', category: 'transient' } });
  expectNothingLeft();
});

test('no answer to create: what it may have made is removed, and nothing was sent', async () => {
  asterisk.script('create', () => void asterisk.living.set(ID, 'Down'));
  asterisk.script(
    'hangup',
    inTurn(status(503), ({ proceed }) => proceed()),
  );
  expect(await dial()).toMatchObject({ kind: 'not-sent', error: { code: 'ETIMEDOUT' } });
  expect(asterisk.steps(ID)).toEqual(['create', 'hangup', 'hangup']);
  expectNothingLeft();
});

test.each([
  ['404', status(404)],
  ['409 of a channel that is still down', status(409, 'Channel is not in Stasis')],
])('dial is refused with %s: nothing was sent', async (_what, script) => {
  asterisk.script('dial', script);
  expect(await dial()).toMatchObject({ kind: 'not-sent', error: { code: 'channel-gone', category: 'transient' } });
  expectNothingLeft();
});

test('409 of a channel that is no longer down proves nothing', async () => {
  asterisk.script('dial', ({ response }) => {
    asterisk.living.set(ID, 'Ring');
    status(409)({ response } as never);
  });
  expect(await dial()).toMatchObject({ kind: 'unknown' });
  expectNothingLeft();
});

test.each([
  ['no answer at all', hang],
  ['a reset', reset],
  ['500', status(500)],
  ['502 of a proxy', status(502)],
])('dial meets %s: hung up until Asterisk confirms, and whether it rang stays unknown', async (_what, script) => {
  asterisk.script('dial', script);
  asterisk.script(
    'hangup',
    inTurn(status(503), hang, reset, ({ proceed }) => proceed()),
  );
  expect(await dial()).toMatchObject({ kind: 'unknown' });
  expect(asterisk.count('hangup')).toBe(4);
  expectNothingLeft();
});

test('a lie instead of a confirmation is none', async () => {
  asterisk.script('dial', hang);
  asterisk.script(
    'hangup',
    inTurn(status(302), ({ proceed }) => proceed()),
  );
  expect(await dial()).toMatchObject({ kind: 'unknown' });
  expect(asterisk.count('hangup')).toBe(2);
  expectNothingLeft();
});

test('no answer to dial, but the events say that the callee picked up: there is a person to talk to', async () => {
  asterisk.script('dial', () => asterisk.state(ID, 'Up'));
  const channel = answered(await dial());
  await channel.hangup();
  expectNothingLeft();
});

test('no answer to dial, but the events say that the callee was busy', async () => {
  asterisk.script('dial', () => {
    asterisk.tell({ type: 'Dial', dialstatus: '', peer: { id: ID, state: 'Down' } });
    asterisk.end(ID, 17, 486);
  });
  expect(await dial()).toMatchObject({ kind: 'unanswered', end: { cause: 17 } });
  expectNothingLeft();
});

test('called off before anything: nothing is made', async () => {
  expect(await dial({ signal: AbortSignal.abort() })).toMatchObject({ kind: 'not-sent', error: { code: 'aborted' } });
  expect(asterisk.steps(ID)).toEqual([]);
  expectNothingLeft();
});

test('called off while the channel is made: it is removed', async () => {
  const calledOff = new AbortController();
  asterisk.script('create', ({ proceed }) => {
    calledOff.abort();
    setTimeout(proceed, 50);
  });
  expect(await dial({ signal: calledOff.signal })).toMatchObject({ kind: 'not-sent', error: { code: 'aborted' } });
  expect(asterisk.count('dial')).toBe(0);
  expectNothingLeft();
});

test('called off while it is marked: it is not dialled', async () => {
  const calledOff = new AbortController();
  const mark = async () => {
    calledOff.abort();
    return true;
  };
  expect(await dial({ signal: calledOff.signal, mark })).toMatchObject({ kind: 'not-sent', error: { code: 'aborted' } });
  expect(asterisk.count('dial')).toBe(0);
  expectNothingLeft();
});

test('called off while dial is on its way: hung up, and the late dial finds nothing', async () => {
  const calledOff = new AbortController();
  asterisk.script('dial', ({ proceed }) => {
    calledOff.abort();
    void came('hangup').then(() => setTimeout(proceed, 50));
  });
  expect(await dial({ signal: calledOff.signal })).toMatchObject({ kind: 'not-sent' });
  expectNothingLeft();
});

test('called off while it rings: hung up', async () => {
  const calledOff = new AbortController();
  const result = dial({ signal: calledOff.signal });
  await came('dial');
  asterisk.state(ID, 'Ringing');
  calledOff.abort();
  expect(await result).toEqual({ kind: 'unanswered', end: { cause: 16, byUs: true } });
  expectNothingLeft();
});

test('when Asterisk’s own dial timeout does not come, ours does', async () => {
  expect(await dial({ answerTimeoutMs: 50 }, { answerGraceMs: 50 })).toMatchObject({ kind: 'unanswered', end: { cause: 19, byUs: true } });
  expect(asterisk.seen.find(({ step }) => step === 'hangup')?.query.get('reason')).toBe('no_answer');
  expectNothingLeft();
});

test('nothing is dialled while events don’t arrive', async () => {
  asterisk.script('ping', status(503));
  asterisk.dropEvents();
  await vi.waitFor(() => expect(connection.state).toBe('lost'));
  expect(await dial()).toMatchObject({ kind: 'not-sent', error: { code: 'event-socket-down', category: 'transient' } });
  expect(asterisk.steps(ID)).toEqual([]);
});

test('events stop between create and dial: hung up, nothing sent', async () => {
  const mark = async () => {
    asterisk.script('ping', status(503));
    asterisk.dropEvents();
    await vi.waitFor(() => expect(connection.state).toBe('lost'));
    return true;
  };
  expect(await dial({ mark })).toMatchObject({ kind: 'not-sent', error: { code: 'event-socket-down' } });
  expectNothingLeft();
});

test('the callee picks up while events are away: the call is taken back', async () => {
  const result = dial();
  await came('dial');
  asterisk.dropEvents();
  asterisk.living.set(ID, 'Up');
  const channel = answered(await result);
  await channel.hangup();
  expectNothingLeft();
});

test('a call that ends while events are away and nobody had answered may have rung', async () => {
  const result = dial();
  await came('dial');
  asterisk.dropEvents();
  asterisk.living.delete(ID);
  expect(await result).toMatchObject({ kind: 'unknown', error: { code: 'ended-unheard' } });
  expectNothingLeft();
});

test('a conversation that ends while events are away ends here too', async () => {
  const result = dial();
  await came('dial');
  asterisk.state(ID, 'Up');
  const channel = answered(await result);
  asterisk.dropEvents();
  asterisk.living.delete(ID);
  expect(await channel.ended).toEqual({ cause: 0, byUs: false });
  await channel.hangup();
  expectNothingLeft();
});

test('the dead-man’s switch is renewed while the owner lives, and not a moment longer', async () => {
  const result = dial({}, { renewEveryMs: 20 });
  await came('dial');
  asterisk.state(ID, 'Up');
  const channel = answered(await result);
  const before = asterisk.count('variable');
  await vi.waitFor(() => expect(asterisk.count('variable')).toBeGreaterThan(before + 2), { timeout: 5_000 });
  const renewal = asterisk.seen.find(({ step }) => step === 'variable')?.query;
  expect(Object.fromEntries(renewal ?? [])).toEqual({ variable: 'TIMEOUT(absolute)', value: '30' });
  // An Asterisk that would take renewals for ever.
  asterisk.script('variable', ({ response }) => response.writeHead(204).end());
  asterisk.end(ID, 16);
  await channel.ended;
  const after = asterisk.count('variable');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(asterisk.count('variable')).toBeLessThanOrEqual(after + 1);
  expectNothingLeft();
});

test('a channel whose switch could not be renewed for longer than it lives is gone', async () => {
  const result = dial({}, { renewEveryMs: 20, absoluteTimeoutMs: 100 });
  await came('dial');
  asterisk.state(ID, 'Up');
  const channel = answered(await result);
  asterisk.script('variable', status(503));
  expect(await channel.ended).toEqual({ cause: 0, byUs: false });
  expect(channel.signal.aborted).toBe(true);
  expect(connection.listenedChannels).toBe(0);
});

test('an Asterisk that never confirms a hang-up is given up after twice the channel’s life, and said', async () => {
  const result = dial({}, { absoluteTimeoutMs: 300 });
  await came('dial');
  asterisk.state(ID, 'Up');
  const channel = answered(await result);
  asterisk.script('hangup', status(503));
  await channel.hangup();
  expect(logger.error).toHaveBeenCalledTimes(1);
  expect(await channel.ended).toEqual({ cause: 0, byUs: true });
  expect(connection.listenedChannels).toBe(0);
});

test('Asterisk is away altogether: nothing is made, and it takes no time', async () => {
  const before = Date.now();
  asterisk.script('create', reset);
  asterisk.script('hangup', status(404));
  expect(await dial()).toMatchObject({ kind: 'not-sent', error: { code: 'ECONNRESET' } });
  expect(Date.now() - before).toBeLessThan(5_000);
  expectNothingLeft();
});
