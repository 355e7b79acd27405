import { expect, test } from 'vitest';
import { createPlayout } from '../../src/media/playout.ts';

const RATE = 8000;
const pcm = (ms: number) => Buffer.alloc(ms * 16, 1);

/** A far side that the test plays by hand, on a clock that the test drives. */
function playout() {
  let clock = 1_000;
  const marks: string[] = [];
  const heard: number[] = [];
  const sink = {
    startBuffering() {},
    audio() {},
    flush: () => void marks.splice(0),
    pause() {},
    resume() {},
    mark: (mark: string) => void marks.push(mark),
    stopBuffering: (mark: string) => void marks.push(mark),
  };
  const made = createPlayout({ sampleRate: RATE, sink, onPlayed: (piece) => heard.push(piece.length / 16), now: () => clock });
  return {
    ...made,
    get speaking() {
      return made.speaking;
    },
    heard,
    marks,
    wait: (ms: number) => {
      clock += ms;
    },
    /** The far side reports its oldest mark. */
    reach: () => made.markReached(marks.shift() ?? ''),
  };
}

test('between two marks what was heard follows the clock, frame by frame, but never past the next mark', () => {
  const line = playout();
  const utterance = line.speak();
  void utterance.write(pcm(300));
  expect(utterance.heardMs).toBe(0);
  line.wait(59);
  expect(utterance.heardMs).toBe(40);
  line.wait(500);
  expect(utterance.heardMs).toBe(100);
  line.reach();
  expect(utterance.heardMs).toBe(100);
  line.wait(20);
  expect(utterance.heardMs).toBe(120);
  line.reach();
  expect(utterance.heardMs).toBe(200);
});

test('after a pause in the audio the clock starts with the next sound, not in the silence', () => {
  const line = playout();
  const utterance = line.speak();
  void utterance.write(pcm(100));
  line.wait(100);
  line.reach();
  line.wait(5_000);
  void utterance.write(pcm(100));
  expect(utterance.heardMs).toBe(100);
  line.wait(40);
  expect(utterance.heardMs).toBe(140);
});

test('each of several utterances knows its own share', async () => {
  const line = playout();
  const [first, second, third] = [line.speak(), line.speak(), line.speak()];
  for (const utterance of [first, second, third]) {
    void utterance.write(pcm(100));
    utterance.end();
  }
  line.wait(100);
  // The end of the audio, and the end of the utterance.
  line.reach();
  line.reach();
  line.wait(60);
  expect([first.heardMs, second.heardMs, third.heardMs]).toEqual([100, 60, 0]);
  line.flush();
  expect(await Promise.all([first.played, second.played, third.played])).toEqual([
    { heardMs: 100, complete: true },
    { heardMs: 60, complete: false },
    { heardMs: 0, complete: false },
  ]);
  expect(line.heard).toEqual([100, 60]);
  line.wait(1_000);
  expect([first.heardMs, second.heardMs, third.heardMs]).toEqual([100, 60, 0]);
});

test('a lost report of a mark costs nothing: the next one stands for both', () => {
  const line = playout();
  const utterance = line.speak();
  void utterance.write(pcm(300));
  line.marks.shift();
  line.reach();
  expect(utterance.heardMs).toBe(200);
  expect(line.heard.reduce((sum, ms) => sum + ms, 0)).toBe(200);
});

test('a report from before a flush does not count for what is said after it', () => {
  const line = playout();
  void line.speak().write(pcm(100));
  const [late] = line.marks;
  line.flush();
  const utterance = line.speak();
  void utterance.write(pcm(100));
  line.markReached(late ?? '');
  expect(utterance.heardMs).toBe(0);
  expect(line.speaking).toBe(true);
});

test('whoever hears that something was played may stop playout right there', async () => {
  const marks: string[] = [];
  const sink = {
    startBuffering() {},
    audio() {},
    flush() {},
    pause() {},
    resume() {},
    mark: (mark: string) => void marks.push(mark),
    stopBuffering: (mark: string) => void marks.push(mark),
  };
  const line = createPlayout({ sampleRate: RATE, sink, onPlayed: () => line.flush(), now: () => 0 });
  const utterance = line.speak();
  void utterance.write(pcm(100));
  utterance.end();
  for (const mark of marks) line.markReached(mark);
  expect(await utterance.played).toMatchObject({ heardMs: 100 });
  expect(line.speaking).toBe(false);
});
