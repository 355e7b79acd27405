import { BYTES_PER_SAMPLE, FRAME_MS } from './frames.ts';
import { createSpeechBoundaries, type SpeechBoundariesOptions } from './speech-boundaries.ts';
import type { SpeechDetector } from './speech-detector.ts';

/** dB above the noise floor at which a silent line counts as voiced, and at which a speaking one still does. */
const ON_ABOVE_FLOOR_DB = 10;
const OFF_ABOVE_FLOOR_DB = 6;
/** Quieter than this is never speech, however quiet the line is. dBFS; a soft speaker on a bad line has about -40. */
const QUIETEST_SPEECH_DB = -48;
/** What is as loud as this plus 10 dB is always speech: no line is that noisy, and a long loud tone is meant to be heard. dBFS. */
const LOUDEST_FLOOR_DB = -30;
/** Taken for the floor until the line was heard, so that a "Hello?" in the first frame counts. dBFS. */
const FIRST_FLOOR_DB = -50;
const FIRST_FLOOR_MS = 1_000;
/** The floor is the quietest moment of this long: speech pauses for breath more often, noise doesn't. */
const FLOOR_WINDOW_MS = 2_000;
/** A moment, for that purpose. */
const SMOOTHING_FRAMES = 3;
/** Hum of the mains and an offset of the converter aren't sound. Hertz. */
const HIGH_PASS_HZ = 150;

export interface EnergySpeechDetectorOptions extends SpeechBoundariesOptions {
  sampleRate: number;
}

/** Tells speech from silence by loudness against a noise floor that follows the line. */
export function createEnergySpeechDetector({ sampleRate, ...boundaries }: EnergySpeechDetectorOptions): SpeechDetector {
  const levelOf = createLevelMeter(sampleRate);
  const floor = createNoiseFloor();
  return createSpeechBoundaries((frame, speaking) => {
    const level = levelOf(frame);
    const floorDb = floor(level);
    return level > Math.max(QUIETEST_SPEECH_DB, floorDb + (speaking ? OFF_ABOVE_FLOOR_DB : ON_ABOVE_FLOOR_DB));
  }, boundaries);
}

/** The loudness of a frame in dBFS (a full-scale sine has -3), without what lies below speech. */
function createLevelMeter(sampleRate: number): (frame: Buffer) => number {
  const keep = Math.exp((-2 * Math.PI * HIGH_PASS_HZ) / sampleRate);
  let input = 0;
  let output = 0;
  return (frame) => {
    const samples = Math.floor(frame.length / BYTES_PER_SAMPLE);
    let energy = 0;
    for (let i = 0; i < samples; i++) {
      const sample = frame.readInt16LE(i * BYTES_PER_SAMPLE);
      output = keep * (output + sample - input);
      input = sample;
      energy += output * output;
    }
    return 10 * Math.log10(energy / Math.max(1, samples) / 32_768 ** 2 + 1e-10);
  };
}

/** The quietest moment of the last seconds (minimum statistics). Takes a frame's level, returns the floor; both in dBFS. */
function createNoiseFloor(): (level: number) => number {
  const moments: number[] = [];
  const lately: number[] = [];
  let unheardMs = FIRST_FLOOR_MS;
  return (level) => {
    lately.push(level);
    if (lately.length > SMOOTHING_FRAMES) lately.shift();
    moments.push(lately.reduce((sum, value) => sum + value, 0) / lately.length);
    if (moments.length > FLOOR_WINDOW_MS / FRAME_MS) moments.shift();
    unheardMs -= FRAME_MS;
    return Math.min(unheardMs > 0 ? FIRST_FLOOR_DB : LOUDEST_FLOOR_DB, ...moments);
  };
}
