import type { MediaLeg, SpeechChange } from '../media/media-leg.ts';
import { whenAborted } from './when-aborted.ts';

/** About -40 dBFS. Only measures: what counts as speech is the detector's to say. */
const VOICED_LEVEL = 330;

export interface SpeechOnLineOptions {
  leg: Pick<MediaLeg, 'onFrame'>;
  /** Each frame of the callee's. */
  onFrame: (frame: Buffer) => void;
  /** `paused`: it has paused our playout already. */
  onBegin: (atMs: number, paused: boolean) => void;
  onEnd: (atMs: number) => void;
  /** Milliseconds from the answer. */
  now: () => number;
  signal: AbortSignal;
}

/** What somebody says as they pick up, before we listen: a "Hello?" and a breath. More would only delay what is understood after it. */
const EARLY_FRAMES = 100;

/** When the callee speaks, as the leg's detector has it. Tells of it from `start` on, also of who began before. */
export function watchSpeech({ leg, onFrame, onBegin, onEnd, now, signal }: SpeechOnLineOptions): { start(): void } {
  /** Somebody who picks up may have begun before we listen. */
  let alreadySpeaks: SpeechChange | undefined;
  let early: Buffer[] = [];
  const stopWaiting = leg.onFrame((frame, speech) => {
    early = [...early, frame].slice(-EARLY_FRAMES);
    if (speech) alreadySpeaks = speech.change === 'speech-start' ? speech : undefined;
  });
  whenAborted(signal, stopWaiting);

  /** The leg noticed it when it happened; we may be late. */
  function onChange({ change, at, paused }: SpeechChange): void {
    const atMs = Math.max(0, now() - (performance.now() - at));
    if (change === 'speech-start') onBegin(atMs, paused);
    else onEnd(atMs);
  }

  return {
    start() {
      stopWaiting();
      if (alreadySpeaks) onChange(alreadySpeaks);
      for (const frame of early.splice(0)) onFrame(frame);
      const stop = leg.onFrame((frame, speech) => {
        onFrame(frame);
        if (speech) onChange(speech);
      });
      whenAborted(signal, stop);
    },
  };
}

/** There is a voice in it, or something as loud. */
export function isVoiced(frame: Buffer): boolean {
  let energy = 0;
  for (let at = 0; at + 1 < frame.length; at += 2) energy += frame.readInt16LE(at) ** 2;
  return energy > VOICED_LEVEL ** 2 * (frame.length / 2);
}
