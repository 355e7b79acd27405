import { FRAME_MS } from './frames.ts';
import type { SileroLine } from './silero.ts';
import { createSpeechBoundaries, type SpeechBoundariesOptions } from './speech-boundaries.ts';
import type { SpeechDetector } from './speech-detector.ts';
import { createEnergyJudge } from './speech-detector-energy.ts';

/** The model's own thresholds: for a silent line, and for one on which somebody speaks. */
const ON = 0.5;
const OFF = 0.35;
/** A line that falls so quiet between two words has no noise to speak of: loudness errs less there than the model, and costs next to nothing. dBFS. */
const QUIET_DB = -60;
/** Who speaks on without a breath makes no line noisy. */
const QUIET_LASTS_MS = 15_000;

export interface ModelSpeechDetectorOptions extends SpeechBoundariesOptions {
  sampleRate: number;
  model: SileroLine;
}

/** Tells speech from noise by a model where the line is noisy; by loudness on quiet lines, and where the model has nothing to say. */
export function createModelSpeechDetector({ sampleRate, model, ...boundaries }: ModelSpeechDetectorOptions): SpeechDetector {
  return createSpeechBoundaries(createModelJudge(sampleRate, model), boundaries);
}

/** Of one line: whether a frame is voiced, to be asked of each frame in turn. `speaking`: somebody spoke just now. */
export function createModelJudge(sampleRate: number, model: SileroLine): (frame: Buffer, speaking: boolean) => boolean {
  const byEnergy = createEnergyJudge(sampleRate);
  let quietForMs = 0;
  return (frame, speaking) => {
    const { voiced, floorDb } = byEnergy(frame, speaking);
    const wasQuiet = quietForMs > 0;
    quietForMs = floorDb < QUIET_DB ? QUIET_LASTS_MS : quietForMs - FRAME_MS;
    if (quietForMs > 0) {
      if (!wasQuiet) model.reset();
      return voiced;
    }
    model.push(frame);
    return model.probability === undefined ? voiced : model.probability > (speaking ? OFF : ON);
  };
}
