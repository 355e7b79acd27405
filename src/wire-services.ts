import type { Config } from './config.ts';
import type { Crm } from './services/crm.ts';
import { createElevenLabsSpeechToText } from './services/elevenlabs-speech-to-text.ts';
import { createElevenLabsTextToSpeech } from './services/elevenlabs-text-to-speech.ts';
import { createHubSpot } from './services/hubspot.ts';
import type { LanguageModel } from './services/language-model.ts';
import { createOpenAiLanguageModel } from './services/openai-language-model.ts';
import type { SpeechToText } from './services/speech-to-text.ts';
import type { TextToSpeech } from './services/text-to-speech.ts';

/** The remote services that a call uses. */
export interface Services {
  textToSpeech: TextToSpeech;
  speechToText: SpeechToText;
  languageModel: LanguageModel;
  /** Undefined when no CRM is configured. */
  crm: Crm | undefined;
}

/** The longest silence in a stream before it counts as broken: a callee hears a gap this long as a dead line. */
const STALL_MS = 4_000;

export function wireServices(config: Config): Services {
  const { elevenLabs, serviceDeadlineMs: deadlineMs } = config;
  return {
    textToSpeech: createElevenLabsTextToSpeech({ ...elevenLabs, deadlineMs, stallMs: STALL_MS }),
    speechToText: createElevenLabsSpeechToText({ apiKey: elevenLabs.apiKey, baseUrl: elevenLabs.baseUrl, deadlineMs, stallMs: STALL_MS }),
    languageModel: wireLanguageModel(config),
    crm: wireCrm(config),
  };
}

export function wireLanguageModel({ openAi, serviceDeadlineMs }: Config): LanguageModel {
  return createOpenAiLanguageModel({ ...openAi, deadlineMs: serviceDeadlineMs, stallMs: STALL_MS });
}

/** Undefined when no CRM is configured. */
export function wireCrm({ hubSpot, serviceDeadlineMs }: Config): Crm | undefined {
  return hubSpot === undefined ? undefined : createHubSpot({ ...hubSpot, deadlineMs: serviceDeadlineMs });
}
