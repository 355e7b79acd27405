import { randomUUID } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import type { MediaLeg, Utterance } from '../../src/media/media-leg.ts';
import type { People } from '../../src/sandbox/people/people.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import type { MediaKind } from '../../src/telephony/media-support.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';
import { startMedia } from '../../src/wire-media.ts';

export interface AsteriskUnderTest {
  url: string;
  username: string;
  password: string;
  /** Dials somebody who picks up, says "Hello?" and answers `QUESTION`. */
  endpoint: string;
  people: People;
}

const RATE = 16_000;
const QUESTION = 'This is about your appointment on Friday. Does that suit you?';
const ANSWER = 'Yes, that works for me.';

const WAIT = { timeout: 10_000, interval: 10 };

/** A call of the product's own parts, up to the bridge. */
export async function placeCall(asterisk: AsteriskUnderTest, kind: 'auto' | MediaKind) {
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const connection = createAriConnection({ ...asterisk, app: `heals-${randomUUID()}`, logger: log });
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
  const media = await startMedia({
    config: {
      mediaSampleRate: RATE,
      media: { kind, speechDetector: 'energy', audioSocket: { host: '127.0.0.1', port: 0, advertise: undefined } },
    },
    asterisk: connection,
    log,
  });
  const call = new AbortController();
  const audio = await media.openAudio(call.signal, (part) => `test-${part}-`);
  const dialled = await createDialler(connection, { logger: log }).dial({
    ...{ channelId: randomUUID(), endpoint: asterisk.endpoint, callerId: '+12025550100', answerTimeoutMs: 10_000 },
    ...{ mark: async () => true, onProgress: () => undefined, signal: call.signal },
  });
  if (dialled.kind !== 'answered') throw new Error(`not answered but ${dialled.kind}`);
  const { channel } = dialled;
  await audio.join(channel.id);
  return {
    ...{ audio, media, channel, connection, log },
    async end() {
      call.abort(new Error('the test is over'));
      await Promise.all([channel.hangup(), audio.close()]);
      await media.stop();
      await expect.poll(() => left(connection), WAIT).toEqual([]);
      await connection.close();
    },
  };
}

export type Call = Awaited<ReturnType<typeof placeCall>>;

/** Channels of Asterisk that still live. */
async function left(connection: AriConnection): Promise<string[]> {
  return (await connection.listChannels()).map(({ id }) => id);
}

function ask(leg: MediaLeg): Utterance {
  const utterance = leg.speak();
  void utterance.write(speak(QUESTION, RATE));
  utterance.end();
  return utterance;
}

function listenTo(leg: MediaLeg): string[] {
  const ear = createListener(RATE);
  const words: string[] = [];
  leg.onFrame((frame) => words.push(...ear.push(frame).map(({ text }) => text)));
  return words;
}

/** The same story on any Asterisk, for either kind. */
export function tellOfReplacement(asterisk: () => AsteriskUnderTest, kind: MediaKind, kill: (call: Call) => Promise<void>): void {
  test('a leg that dies in the middle of a sentence is replaced: the callee hears the rest and answers, and we hear the answer', async () => {
    const call = await placeCall(asterisk(), kind);
    const { leg } = call.audio;
    const heard = listenTo(leg);
    const died = leg.channelId;
    let reportedBytes = 0;
    leg.onPlayed((pcm) => {
      reportedBytes += pcm.length;
    });
    const question = ask(leg);
    await expect.poll(() => question.heardMs, WAIT).toBeGreaterThan(1_000);
    await kill(call);
    expect((await question.played).complete).toBe(true);
    expect(leg.channelId).not.toBe(died);
    expect(Math.abs(reportedBytes - speak(QUESTION, RATE).length)).toBeLessThan(640);
    await expect.poll(() => heard.join(' '), WAIT).toContain(ANSWER);
    expect(call.log.warn).toHaveBeenCalledWith(expect.objectContaining({ channelId: died }), expect.stringContaining('opening another'));
    expect(call.channel.signal.aborted).toBe(false);
    await call.end();
    await expect.poll(() => asterisk().people.log.length, WAIT).toBeGreaterThan(0);
    const words = asterisk().people.log.pop()?.heardText.split(' ') ?? [];
    const wanted = QUESTION.split(' ');
    // The word in which it happened may be lost; nothing is said twice.
    expect(words.length).toBeLessThanOrEqual(wanted.length);
    expect(wanted.filter((word) => !words.includes(word)).length).toBeLessThanOrEqual(2);
  });

  test('a new leg is as good as the first: it is replaced too', async () => {
    const call = await placeCall(asterisk(), kind);
    const { leg } = call.audio;
    for (const _time of [1, 2]) {
      const died = leg.channelId;
      await kill(call);
      await expect.poll(() => leg.channelId, WAIT).not.toBe(died);
    }
    const heard = listenTo(leg);
    expect((await ask(leg).played).complete).toBe(true);
    await expect.poll(() => heard.join(' '), WAIT).toContain(ANSWER);
    await call.end();
    asterisk().people.log.pop();
  });
}
