import { BYTES_PER_SAMPLE, FRAME_MS } from './frames.ts';
import { createSpeechBoundaries, type SpeechBoundariesOptions } from './speech-boundaries.ts';
import type { SpeechDetector } from './speech-detector.ts';

/**
 * dB above the noise floor at which a silent line counts as voiced: less on a line that hisses evenly, which a voice needn't rise far above; more where the noise
 * itself goes up and down, as people do who talk in the background. Found by `npm run bench:speech`.
 */
const LEAST_ABOVE_FLOOR_DB = 5;
const MOST_ABOVE_FLOOR_DB = 10;
const EVEN_ABOVE_FLOOR_DB = 4;
const PER_SPREAD_DB = 3;
/** Of that, what a line needs on which somebody speaks already. */
const STILL_SPEAKING = 0.6;
/** Quieter than this is never speech, however quiet the line is. dBFS; a soft speaker on a bad line has about -40. */
const QUIETEST_SPEECH_DB = -48;
/** What is as loud as this is always speech: no line is that noisy, and a long loud tone is meant to be heard. dBFS; 4 dB less while somebody speaks. */
const ALWAYS_SPEECH_DB = -20;
const STILL_ALWAYS_DB = -24;
/** Taken for the floor until the line was heard, so that a "Hello?" in the first frame counts. dBFS. */
const FIRST_FLOOR_DB = -50;
/** Shorter, and what people say in the first frame is taken for noise; longer, and the noise of a bad line for what they say. */
const FIRST_FLOOR_MS = 700;
/** The floor is the quietest moment of this long: speech pauses for breath more often, noise doesn't. */
const FLOOR_WINDOW_MS = 2_000;
/** How much the quieter quarter of the moments differ tells how even the noise is; it needn't be reckoned for each frame. */
const QUARTER = 0.25;
const TWENTIETH = 0.05;
const SPREAD_EVERY_FRAMES = 5;
/** A moment, for that purpose. */
const SMOOTHING_FRAMES = 3;
/** Hum of the mains and an offset of the converter aren't sound. Hertz. */
const HIGH_PASS_HZ = 150;

export interface EnergySpeechDetectorOptions extends SpeechBoundariesOptions {
  sampleRate: number;
}

/** Tells speech from silence by loudness against a noise floor that follows the line. */
export function createEnergySpeechDetector({ sampleRate, ...boundaries }: EnergySpeechDetectorOptions): SpeechDetector {
  const judge = createEnergyJudge(sampleRate);
  return createSpeechBoundaries((frame, speaking) => judge(frame, speaking).voiced, boundaries);
}

/** Of one line, to be asked of each frame in turn. `speaking`: somebody spoke just now. */
export function createEnergyJudge(sampleRate: number): (frame: Buffer, speaking: boolean) => { voiced: boolean; floorDb: number } {
  const levelOf = createLevelMeter(sampleRate);
  const noise = createNoiseFloor();
  return (frame, speaking) => {
    const level = levelOf(frame);
    const { floorDb, aboveDb } = noise(level);
    const speechDb = Math.max(QUIETEST_SPEECH_DB, floorDb + (speaking ? STILL_SPEAKING : 1) * aboveDb);
    return { voiced: level > Math.min(speaking ? STILL_ALWAYS_DB : ALWAYS_SPEECH_DB, speechDb), floorDb };
  };
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

interface NoiseFloor {
  /** dBFS. */
  floorDb: number;
  /** How far above it speech is. */
  aboveDb: number;
}

/** The quietest moment of the last seconds (minimum statistics), and how even the quieter ones are. Takes each frame's level. */
function createNoiseFloor(): (level: number) => NoiseFloor {
  const moments: number[] = [];
  const lately: number[] = [];
  let frames = 0;
  let aboveDb = MOST_ABOVE_FLOOR_DB;
  return (level) => {
    lately.push(level);
    if (lately.length > SMOOTHING_FRAMES) lately.shift();
    moments.push(lately.reduce((sum, value) => sum + value, 0) / lately.length);
    if (moments.length > FLOOR_WINDOW_MS / FRAME_MS) moments.shift();
    frames += 1;
    const quietest = Math.min(...moments);
    if (frames * FRAME_MS <= FIRST_FLOOR_MS) return { floorDb: Math.min(FIRST_FLOOR_DB, quietest), aboveDb };
    if (frames % SPREAD_EVERY_FRAMES === 0) aboveDb = EVEN_ABOVE_FLOOR_DB + PER_SPREAD_DB * spreadOf(moments);
    aboveDb = Math.min(MOST_ABOVE_FLOOR_DB, Math.max(LEAST_ABOVE_FLOOR_DB, aboveDb));
    return { floorDb: quietest, aboveDb };
  };
}

/** dB between the quietest and the quiet moments. */
function spreadOf(moments: readonly number[]): number {
  const sorted = Float64Array.from(moments).sort();
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return at(QUARTER) - at(TWENTIETH);
}
