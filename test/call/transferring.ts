import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCallLine } from '../../src/call/call-line.ts';
import { ownerOf, partPrefix } from '../../src/call/channel-id.ts';
import { type PutThrough, whilePutThrough } from '../../src/call/put-through.ts';
import { serviceError } from '../../src/errors.ts';
import type { People } from '../../src/sandbox/people/people.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import { sleep } from '../../src/sleep.ts';
import { adoptTalk } from '../../src/telephony/adopt-talk.ts';
import { createAriConnection } from '../../src/telephony/ari-connection.ts';
import { unansweredMeaning } from '../../src/telephony/hangup-causes.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';
import { startMedia } from '../../src/wire-media.ts';
import { createHearing } from '../conversation/telephone/hearing.ts';

export interface TransferWorld {
  url: string;
  username: string;
  password: string;
  people: People;
  /** Dials one of the people, over a trunk. */
  endpointOf: (number: string) => string;
}

export interface TransferStory {
  /** Default: a colleague who picks up. */
  to?: { endpoint: string } | { number: string };
  announce?: boolean;
  ringTimeoutMs?: number;
  maxTalkMs?: number;
  /** Everything is written down, and then nothing more happens. */
  diesBeforeTheyMeet?: boolean;
  /** It comes to itself when another worker has put them together, and its own request to do so has run out of time. */
  standsStill?: boolean;
}

const RATE = 16_000;
const WAIT = { timeout: 15_000, interval: 10 };
const INSTALLATION = 'rf-test';
const logger = { info() {}, warn() {}, error() {} };

/** An answered call of the product's own parts, whose line can put it through. */
export async function answeredCall(
  world: TransferWorld,
  { to, announce = true, ringTimeoutMs = 10_000, maxTalkMs = 60_000, diesBeforeTheyMeet = false, standsStill = false }: TransferStory = {},
) {
  const { people } = world;
  const attemptId = `a${randomUUID().replaceAll('-', '').slice(0, 24)}`;
  const place = to ?? { endpoint: world.endpointOf(people.byRole('colleague').number) };
  const connection = createAriConnection({ ...world, app: `transfer-${randomUUID()}`, logger });
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
  const others = createAriConnection({ ...world, app: `transfer-${randomUUID()}`, logger });
  await others.waitUntilConnected(AbortSignal.timeout(10_000));
  const media = await startMedia({
    config: {
      mediaSampleRate: RATE,
      media: { kind: 'auto', speechDetector: 'energy', audioSocket: { host: '127.0.0.1', port: 0, advertise: undefined } },
    },
    asterisk: connection,
    log: logger,
  });
  const [over, leave] = [new AbortController(), new AbortController()];
  const trunk: string[] = [];
  let trunkIsOpen = false;
  let noted: PutThrough | undefined;
  const putThrough = async (_id: string, _epoch: number, to: PutThrough | undefined) => {
    if (takenOver) return false;
    noted = to;
    return true;
  };
  let takenOver = false;
  const comeTooLate = async () => {
    takenOver = true;
    adopted = await adopt();
    throw serviceError('no answer within 5000 ms', { service: 'asterisk', code: 'ETIMEDOUT', category: 'transient' });
  };
  let adopted: Awaited<ReturnType<typeof adoptTalk>>;
  const adopt = () => adoptTalk(others, noted ?? { calleeId: '', colleagueId: '' }, logger);
  const dialler = createDialler(connection, { logger });
  const deps = {
    openAudio: (call: { attemptId: string; epoch: number }, signal: AbortSignal) =>
      media.openAudio(signal, (part) => partPrefix(INSTALLATION, part, call)),
    leave: leave.signal,
    colleagueEars: createHearing({}),
    ledger: { installation: async () => INSTALLATION, putThrough },
    now: Date.now,
    telephony: { dialler, explain: unansweredMeaning },
    fences: {
      async enterTrunk({ dialString }: { dialString: string }) {
        trunk.push(`enter ${dialString.split('@')[1]}`);
        if (trunkIsOpen) throw serviceError('the trunk is down', { service: 'trunk', code: 'breaker-open', category: 'transient' });
        return {
          trial: false,
          worked: () => trunk.push('worked'),
          failed: () => trunk.push('failed'),
          untold: () => trunk.push('untold'),
        };
      },
    },
  };
  const log: string[] = [];
  const call = {
    attemptId,
    epoch: 1,
    contact: { phone: people.byRole('wants-a-person').number, timeZones: [], variables: {} },
    campaign: {
      callerId: '+12025550199',
      language: 'en-US',
      dialString: world.endpointOf('{e164}'),
      limits: { answerTimeoutMs: 10_000, maxCallMs: 60_000, maxTurns: 10 },
      transfer: {
        ringTimeoutMs,
        maxTalkMs,
        targets: {
          colleague: { about: 'Anything', spoken: 'a colleague', announce, ...place },
        },
      },
    },
    job: {
      data: { version: 1 as const, attemptId, campaign: 'c', phone: '', attempt: 1 },
      progress() {},
      log: (line: string) => void log.push(line),
      signal: over.signal,
    },
  };
  const audio = await deps.openAudio(call, over.signal);
  const line = createCallLine(call, diesBeforeTheyMeet ? { add: async () => {} } : standsStill ? { add: comeTooLate } : audio, deps);
  const dialled = await dialler.dial({
    channelId: `${INSTALLATION}-${attemptId}.1`,
    ...{ endpoint: world.endpointOf(call.contact.phone), callerId: '+12025550199', answerTimeoutMs: 10_000 },
    ...{ mark: async () => true, onProgress: () => {}, signal: over.signal },
  });
  if (dialled.kind !== 'answered') throw new Error(`not answered but ${dialled.kind}`);
  const { channel } = dialled;
  line.answered(channel, {});
  await audio.join(channel.id);

  const say = async (text: string) => {
    const utterance = audio.leg.speak();
    void utterance.write(speak(text, RATE));
    utterance.end();
    await utterance.played;
  };
  const channels = async () => {
    const owners = (await connection.listChannels()).map(({ id }) => ownerOf(INSTALLATION, id));
    return owners.flatMap((owner) => (owner?.attemptId === attemptId ? [owner.part] : []));
  };
  const howBridged = async (): Promise<string[]> => {
    const authorization = `Basic ${Buffer.from(`${world.username}:${world.password}`).toString('base64')}`;
    const response = await fetch(`${world.url}/ari/bridges`, { headers: { authorization } });
    const bridges = (await response.json()) as { id: string; technology: string }[];
    return bridges.filter(({ id }) => ownerOf(INSTALLATION, id)?.attemptId === attemptId).map(({ technology }) => technology);
  };
  const together = async () => {
    const bridges = await connection.listBridges();
    const ids = [channel.id, line.colleague?.channel.id ?? ''];
    return bridges.some(({ channels: joined }) => ids.every((id) => joined.includes(id)));
  };
  return {
    ...{ channel, audio, line, log, trunk, leave, connection, say, channels, howBridged, together },
    loseToAnother: () => over.abort(new Error('another worker has taken this attempt over')),
    /** As another worker does it, whose application is another one. */
    adopt,
    adopted: () => adopted,
    openTrunk() {
      trunkIsOpen = true;
    },
    /** @param announcement null: one that no service can speak */
    transfer: (announcement?: string | null, signal = over.signal) =>
      line.transfer({
        target: 'colleague',
        announcement:
          announcement === undefined ? undefined : Promise.resolve(announcement === null ? undefined : speak(announcement, RATE)),
        signal,
      }),
    async stayAway() {
      await audio.leave();
      const colleague = line.colleague?.channel ?? channel;
      return (await whilePutThrough(call, { callee: channel, colleague, at: Date.now() }, deps)).reason;
    },
    async end() {
      over.abort(new Error('the test is over'));
      await Promise.all([channel.hangup(), line.colleague?.channel.hangup(), audio.close()]);
      await media.stop();
      await expect.poll(channels, WAIT).toEqual([]);
      const bridges = async () => (await connection.listBridges()).filter(({ id }) => ownerOf(INSTALLATION, id)?.attemptId === attemptId);
      await expect.poll(bridges, WAIT).toEqual([]);
      await Promise.all([connection.close(), others.close()]);
      people.log.splice(0);
    },
  };
}

export type AnsweredCall = Awaited<ReturnType<typeof answeredCall>>;

/** The same stories on any Asterisk. */
export function tellOfTransfers(world: () => TransferWorld): void {
  const heardBy = (role: string) => world().people.log.findLast((record) => record.role === role)?.heardText;

  test('the colleague hears who is on the line, then callee and colleague talk, and we are out of it', { timeout: 60_000 }, async () => {
    const call = await answeredCall(world());
    expect(await call.transfer('Ada is on the line.')).toEqual({ kind: 'connected' });
    const ended = call.stayAway();
    await expect.poll(call.channels, WAIT).toEqual(expect.arrayContaining(['callee', 'colleague']));
    await expect.poll(call.channels, WAIT).toHaveLength(2);
    expect(await call.howBridged()).toEqual(['simple_bridge']);
    expect(await ended).toMatch(/hung up$/);
    await expect.poll(() => heardBy('wants-a-person'), WAIT).toContain('this is the front desk.');
    await expect.poll(() => heardBy('colleague'), WAIT).toBe('Ada is on the line. I have a question about my bill.');
    await call.end();
    expect(call.trunk).toEqual([expect.stringMatching(/^enter /), 'worked']);
    expect(call.log).toEqual(['put through to colleague']);
  });

  test('two whose worker died before it had put them together are put together by the one that takes over', {
    timeout: 30_000,
  }, async () => {
    const call = await answeredCall(world(), { announce: false, diesBeforeTheyMeet: true });
    expect(await call.transfer()).toEqual({ kind: 'connected' });
    expect(await call.together()).toBe(false);
    const talk = await call.adopt();
    expect(await call.together()).toBe(true);
    await talk?.end();
    await call.end();
  });

  test.each([
    ['busy', /^busy/],
    ['rejects', /declined/],
    ['no-answer', /nobody answered/],
  ])('a colleague (%s) is not reached, and the callee is still with us', async (role, reason) => {
    const { people, endpointOf } = world();
    const call = await answeredCall(world(), { to: { endpoint: endpointOf(people.byRole(role).number) }, ringTimeoutMs: 2_000 });
    expect(await call.transfer('Ada is on the line.')).toEqual({ kind: 'unreached', reason: expect.stringMatching(reason) });
    expect(call.line.colleague).toBeUndefined();
    expect(call.channel.signal.aborted).toBe(false);
    await call.say('Still here.');
    // Played, but not heard yet.
    await sleep(300);
    await call.channel.hangup();
    await expect.poll(() => heardBy('wants-a-person'), WAIT).toContain('Still here.');
    await call.end();
  });

  test('a callee who hangs up while the phone rings: it rings no longer', async () => {
    const { people, endpointOf } = world();
    const call = await answeredCall(world(), { to: { endpoint: endpointOf(people.byRole('no-answer').number) } });
    const transfer = call.transfer();
    await expect.poll(call.channels, WAIT).toContain('colleague');
    await call.channel.hangup();
    expect(await transfer).toEqual({ kind: 'unreached', reason: expect.stringContaining('called off') });
    expect(await call.channels()).not.toContain('colleague');
    await call.end();
  });
}
