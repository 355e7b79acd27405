import type { HeardWord } from '../voice/voice.ts';
import { createListener } from '../voice/voice.ts';

/** About -38 dBFS: above line noise, far below the voice. */
const soundThreshold = 400;
/** A hole this long in the caller's audio is time that passed, not late frames: on a virtual machine whose host is busy, those come 160 ms late, and all at once. */
const gapMs = 600;
/** Without a frame for this long, the line is quiet. Frames that are less late don't count: a hole that a stall tears is no pause of the speaker's. */
const lateMs = 300;
/** Enough silence to make the listener let go of a word that was cut off. */
const gapSilenceMs = 200;

function isSound(frame: Buffer): boolean {
  // Every second sample will do: the voice's tones are far longer.
  for (let at = 0; at + 1 < frame.length; at += 4) {
    const sample = frame.readInt16LE(at);
    if (sample > soundThreshold || sample < -soundThreshold) return true;
  }
  return false;
}

/** Turns the caller's audio into words, and knows how long the line has been quiet. Times count from the answer. */
export function createEars(sampleRate: number) {
  const listener = createListener(sampleRate);
  const gap = Buffer.alloc(Math.round((gapSilenceMs / 1_000) * sampleRate) * 2);
  let pushedMs = 0;
  /** What must be added to the listener's times, which count only what was pushed. */
  let offsetMs = 0;
  let lastFrameMs = 0;
  /** Silence that was heard since the last sound. */
  let silentMs = 0;

  const sinceLastFrame = (nowMs: number) => (nowMs - lastFrameMs > lateMs ? nowMs - lastFrameMs : 0);
  const timed = (words: HeardWord[]) => words.map((word) => ({ ...word, startMs: word.startMs + offsetMs, endMs: word.endMs + offsetMs }));

  return {
    /** Returns the words that this frame completed. */
    hear(frame: Buffer, nowMs: number): HeardWord[] {
      const words: HeardWord[] = [];
      if (nowMs - lastFrameMs > gapMs) {
        words.push(...timed(listener.push(gap)));
        pushedMs += gapSilenceMs;
        offsetMs = nowMs - pushedMs;
      }
      const frameMs = (frame.length / 2 / sampleRate) * 1_000;
      silentMs = isSound(frame) ? 0 : silentMs + frameMs + sinceLastFrame(nowMs);
      lastFrameMs = nowMs;
      words.push(...timed(listener.push(frame)));
      pushedMs += frameMs;
      return words;
    },
    flush: () => timed(listener.flush()),
    quietMs: (nowMs: number) => silentMs + sinceLastFrame(nowMs),
  };
}
