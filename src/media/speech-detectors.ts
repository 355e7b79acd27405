import type { Logger } from '../logger.ts';
import { loadSilero, type Silero } from './silero.ts';
import type { SpeechDetector } from './speech-detector.ts';
import { createEnergySpeechDetector } from './speech-detector-energy.ts';
import { createModelSpeechDetector } from './speech-detector-model.ts';

export interface SpeechDetectors {
  /** For one leg. `speaking`: somebody speaks already. */
  create(options: { sampleRate: number; speaking?: boolean | undefined }): SpeechDetector;
}

/** What listens for speech. Until the model is loaded, and where it can't be, loudness does. `from`: whose node_modules the model is in. */
export function createSpeechDetectors(kind: 'energy' | 'silero', logger: Pick<Logger, 'warn'>, from?: URL): SpeechDetectors {
  let silero: Silero | undefined;
  if (kind === 'silero') {
    const onError = (err: unknown) => logger.warn({ err }, 'Silero failed on a line; it is listened to by loudness from now on');
    loadSilero(onError, from).then(
      (loaded) => {
        silero = loaded;
      },
      (err: unknown) => {
        logger.warn(
          { err },
          'SPEECH_DETECTOR=silero, but Silero can not be loaded; speech is told by loudness. docs/speech-detector.md says how it is installed',
        );
      },
    );
  }

  return {
    create({ sampleRate, speaking }) {
      const model = silero?.listen(sampleRate);
      return model ? createModelSpeechDetector({ sampleRate, speaking, model }) : createEnergySpeechDetector({ sampleRate, speaking });
    },
  };
}
