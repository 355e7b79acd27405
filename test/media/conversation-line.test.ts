import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MediaLeg } from '../../src/media/media-leg.ts';
import { createEnergySpeechDetector } from '../../src/media/speech-detector-energy.ts';
import type { CallRecording, MediaThread } from '../../src/media/thread/media-thread.ts';
import { type AsteriskSandbox, startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';
import { answeredLine, MEDIA_KINDS, type MediaKind } from './answered-line.ts';

const RATE = 16_000;
const people = loadPeople();
let asterisk: AsteriskSandbox;
let folder: string;
beforeAll(async () => {
  asterisk = await startAsteriskSandbox({ people });
  folder = await mkdtemp(join(tmpdir(), 'line-'));
});
afterAll(async () => {
  await asterisk.close();
  await rm(folder, { recursive: true });
});

function call(kind: MediaKind, role: string, beforeAnswer?: (leg: MediaLeg, record: MediaThread['record']) => void) {
  const { url: ariUrl, username, password } = asterisk;
  const endpoint = `PJSIP/${people.byRole(role).number}@trunk`;
  return answeredLine({ ariUrl, username, password }, { kind, endpoint, sampleRate: RATE, ...(beforeAnswer && { beforeAnswer }) });
}

async function say(leg: MediaLeg, text: string): Promise<{ heardMs: number; complete: boolean }> {
  const utterance = leg.speak();
  await utterance.write(speak(text, RATE));
  utterance.end();
  return utterance.played;
}

/** What can be understood on one channel of a stereo recording. */
async function understood(path: string, channel: 0 | 1): Promise<string> {
  const stereo = (await readFile(path)).subarray(44);
  const mono = Buffer.alloc(stereo.length / 2);
  for (let i = 0; i < mono.length / 2; i++) mono.writeInt16LE(stereo.readInt16LE(i * 4 + channel * 2), i * 2);
  const ear = createListener(RATE);
  return [...ear.push(mono), ...ear.flush()].map(({ text }) => text).join(' ');
}

/** A recording has what was heard when it was heard: where this machine stood still for a moment, in the middle of a word, there is a hole in it. */
async function expectAllBut(most: number, path: string, channel: 0 | 1, said: string): Promise<void> {
  const words = (await understood(path, channel)).split(' ');
  const lost = said.split(' ').filter((word) => words[0] !== word || words.shift() === undefined);
  expect(words, 'words that nobody said there').toEqual([]);
  expect(lost.length, `lost: ${lost.join(' ')}`).toBeLessThanOrEqual(most);
}

describe.each(MEDIA_KINDS)('on a line by %s', (kind) => {
  test('two people hear each other word for word, the detector tells who begins, and the recording holds both, at most a word torn', async () => {
    const path = join(folder, 'conversation.wav');
    let recorder: CallRecording | undefined;
    const detector = createEnergySpeechDetector({ sampleRate: RATE });
    const ear = createListener(RATE);
    const heard: string[] = [];
    const changes: string[] = [];
    const line = await call(kind, 'answers-and-confirms', (leg, record) => {
      recorder = record(path, RATE);
      recorder.tape(leg);
      leg.onFrame((frame) => {
        heard.push(...ear.push(frame).map(({ text }) => text));
        const change = detector.push(frame);
        if (change) changes.push(change);
      });
    });
    await expect.poll(() => changes, { timeout: 5_000 }).toEqual(['speech-start', 'speech-end']);
    expect(heard).toEqual(['Hello?']);
    const result = await say(line.leg, 'This is about your appointment on Friday. Does that suit you?');
    expect(result.complete).toBe(true);
    await expect.poll(() => changes.length, { timeout: 5_000 }).toBe(4);
    expect(heard.join(' ')).toBe('Hello? Yes, that works for me.');
    const { durationMs = 0, error } = (await recorder?.close()) ?? {};
    await line.close();
    expect(error).toBeUndefined();
    expect(durationMs).toBeGreaterThan(result.heardMs + 2_000);
    await expectAllBut(1, path, 0, 'This is about your appointment on Friday. Does that suit you?');
    await expectAllBut(1, path, 1, 'Hello? Yes, that works for me.');
  });

  test('what is flushed was not heard by anybody: not by the callee, not by the recording, and heardMs says so', async () => {
    const path = join(folder, 'flushed.wav');
    const line = await call(kind, 'says-nothing');
    const recorder = line.record(path, RATE);
    recorder.tape(line.leg);
    const words = 'one two three four five six seven eight nine ten eleven twelve'.split(' ');
    const sound = speak(words.join(' '), RATE);
    const utterance = line.leg.speak();
    await utterance.write(sound);
    utterance.end();
    await expect.poll(() => utterance.heardMs, { timeout: 5_000, interval: 5 }).toBeGreaterThan(1_500);
    line.leg.flush();
    const { heardMs, complete } = await utterance.played;
    expect(complete).toBe(false);
    // What they say next is heard at once, and nothing of what was flushed in between.
    expect((await say(line.leg, 'Goodbye.')).complete).toBe(true);
    await recorder.close();
    await line.close();
    await expect.poll(() => people.log.at(-1)?.role).toBe('says-nothing');
    const heardText = people.log.at(-1)?.heardText ?? '';
    const inSound = createListener(RATE).push(sound.subarray(0, Math.round(heardMs / 20) * 640));
    const byHeardMs = inSound.map(({ text }) => text);
    expect(heardText).toMatch(/ Goodbye\.$/);
    const byCallee = heardText.split(' ').slice(0, -1);
    expect(words.slice(0, byCallee.length)).toEqual(byCallee);
    expect(Math.abs(byCallee.length - byHeardMs.length)).toBeLessThanOrEqual(1);
    expect(byCallee.length).toBeLessThan(8);
    expect((await understood(path, 0)).split(' ').slice(0, -1)).toEqual(byHeardMs);
  });

  test('the callee hangs up: the leg stays until it is closed; its own end is told with a reason', async () => {
    const line = await call(kind, 'says-nothing');
    await line.hangUpCallee();
    await line.hangUpLeg();
    expect(await line.leg.closed).toMatchObject({ error: { code: 'media-closed', service: 'asterisk' } });
    await line.close();
    const cut = await call(kind, 'says-nothing');
    const utterance = cut.leg.speak();
    void utterance.write(speak('Nobody will hear the end of this sentence, sadly.', RATE));
    asterisk.dropMedia();
    expect(await cut.leg.closed).toMatchObject({ error: { category: 'transient' } });
    expect((await utterance.played).complete).toBe(false);
    await cut.close();
  });
});
