import { FRAME_MS } from './frames.ts';
import type { SpeechDetector } from './speech-detector.ts';

/** Frames that may drop out of a beginning: the closing of a t or p. */
const START_SLACK_FRAMES = 2;
/** Within silence, sound shorter than this is a click and doesn't start the silence again. */
const CLICK_MS = 80;

export interface SpeechBoundariesOptions {
  /** Sound that makes a beginning. */
  startMs?: number | undefined;
  /** Silence that makes an end. */
  silenceMs?: number | undefined;
  /** Somebody is speaking already: what comes first is the end. */
  speaking?: boolean | undefined;
}

/** Makes beginnings and ends of what is known of single frames. `isVoiced` is asked once a frame, and told whether somebody is speaking. */
export function createSpeechBoundaries(
  isVoiced: (frame: Buffer, speaking: boolean) => boolean,
  { startMs = 100, silenceMs = 500, speaking: speakingAlready = false }: SpeechBoundariesOptions = {},
): SpeechDetector {
  const startFrames = Math.max(1, Math.ceil(startMs / FRAME_MS));
  let recent: boolean[] = [];
  let speaking = speakingAlready;
  let silentMs = 0;
  let soundMs = 0;

  function listen(voiced: boolean): 'speech-start' | undefined {
    recent = [...recent, voiced].slice(-(startFrames + START_SLACK_FRAMES));
    if (!voiced || recent.filter(Boolean).length < startFrames) return undefined;
    speaking = true;
    silentMs = 0;
    soundMs = 0;
    return 'speech-start';
  }

  function waitForSilence(voiced: boolean): 'speech-end' | undefined {
    soundMs = voiced ? soundMs + FRAME_MS : 0;
    silentMs = soundMs >= CLICK_MS ? 0 : silentMs + FRAME_MS;
    // Counted from the first silent frame on; sound that isn't a click yet may still become speech.
    if (voiced || silentMs < silenceMs) return undefined;
    speaking = false;
    recent = [];
    return 'speech-end';
  }

  return {
    push(frame) {
      const voiced = isVoiced(frame, speaking);
      return speaking ? waitForSilence(voiced) : listen(voiced);
    },
    get speaking() {
      return speaking;
    },
  };
}
