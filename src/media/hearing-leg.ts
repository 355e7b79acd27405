import { createEchoSuppressor } from './echo-suppressor.ts';
import { createListeners } from './listeners.ts';
import type { AudioLeg, MediaLeg, SpeechChange } from './media-leg.ts';
import type { SpeechDetector } from './speech-detector.ts';

/** Gives a leg an ear, which doesn't hear our own echo. The detector is this leg's own. */
export function createHearingLeg(leg: AudioLeg, detector: SpeechDetector): MediaLeg {
  const heard = createListeners<{ frame: Buffer; speech: SpeechChange | undefined }>((error) => {
    throw error;
  });
  let armed = false;

  function notice(frame: Buffer): SpeechChange | undefined {
    const change = detector.push(frame);
    if (change === undefined) return undefined;
    const paused = change === 'speech-start' && armed && leg.speaking;
    if (paused) leg.pause();
    return { change, at: performance.now(), paused };
  }

  const echo = createEchoSuppressor({ sampleRate: leg.sampleRate });
  leg.onPlayed(echo.played);
  leg.onFrame((received) => {
    const frame = echo.hear(received);
    heard.emit({ frame, speech: notice(frame) });
  });

  return {
    ...leg,
    get channelId() {
      return leg.channelId;
    },
    get speaking() {
      return leg.speaking;
    },
    onFrame: (listener) => heard.add(({ frame, speech }) => listener(frame, speech)),
    pauseOnSpeech(on) {
      armed = on;
    },
  };
}
