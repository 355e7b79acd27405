import type { Config } from './config.ts';
import { guardCrm, guardLanguageModel, guardSpeechToText, guardTextToSpeech } from './guarded-services.ts';
import type { Crm } from './services/crm.ts';
import { createElevenLabsSpeechToText } from './services/elevenlabs-speech-to-text.ts';
import { createElevenLabsTextToSpeech } from './services/elevenlabs-text-to-speech.ts';
import { createHubSpot } from './services/hubspot.ts';
import type { LanguageModel } from './services/language-model.ts';
import { createOpenAiLanguageModel } from './services/openai-language-model.ts';
import type { Probed } from './services/probe.ts';
import type { SpeechToText } from './services/speech-to-text.ts';
import type { TextToSpeech } from './services/text-to-speech.ts';
import type { Fences } from './wire-breakers.ts';

/** The clients of the remote services, which know nothing of retries. One without a key isn't there. */
export interface RawServices {
  textToSpeech: (TextToSpeech & Probed) | undefined;
  speechToText: (SpeechToText & Probed) | undefined;
  languageModel: (LanguageModel & Probed) | undefined;
  crm: (Crm & Probed) | undefined;
}

/** The same behind their ring fences. */
export interface Services {
  /** Before the phone rings: nobody waits, the whole schedule of retries is kept. */
  preparing: { textToSpeech: TextToSpeech; speechToText: SpeechToText };
  /** With somebody on the line: the same schedule, cut off by the callee's patience. */
  talking: { textToSpeech: TextToSpeech; languageModel: LanguageModel };
  crm: Crm | undefined;
  /** The services without which nobody may be rung. */
  required: readonly string[];
}

export interface CrmDeliveryServices {
  crm: Crm | undefined;
  languageModel: LanguageModel | undefined;
}

/** The longest silence in a stream before it counts as broken: a callee hears a gap this long as a dead line. */
const STALL_MS = 4_000;

export function createServices({ elevenLabs, openAi, hubSpot, serviceDeadlineMs: deadlineMs }: Config): RawServices {
  const { apiKey, baseUrl, model } = elevenLabs;
  const timing = { deadlineMs, stallMs: STALL_MS };
  return {
    textToSpeech: apiKey === '' ? undefined : createElevenLabsTextToSpeech({ apiKey, baseUrl, model, ...timing }),
    speechToText: apiKey === '' ? undefined : createElevenLabsSpeechToText({ apiKey, baseUrl, ...timing }),
    languageModel: openAi.apiKey === '' ? undefined : createOpenAiLanguageModel({ ...openAi, ...timing }),
    crm: hubSpot === undefined ? undefined : createHubSpot({ ...hubSpot, deadlineMs }),
  };
}

/** For a process that places calls. */
export function fenceServices(config: Config, raw: RawServices, { guard }: Fences): Services {
  const { textToSpeech, speechToText, languageModel } = raw;
  if (!textToSpeech || !speechToText || !languageModel) throw new Error('A worker that places calls was started without the keys for it.');
  const [voice, ear, mind] = ['elevenlabs:text-to-speech', 'elevenlabs:speech-to-text', 'openai:language-model'] as const;
  const patient = { stallMs: STALL_MS };
  const onTheLine = { stallMs: STALL_MS, patienceMs: config.calleePatienceMs };
  return {
    preparing: {
      textToSpeech: guardTextToSpeech(textToSpeech, guard(voice), patient),
      speechToText: guardSpeechToText(speechToText, guard(ear), {}),
    },
    talking: {
      textToSpeech: guardTextToSpeech(textToSpeech, guard(voice), onTheLine),
      languageModel: guardLanguageModel(languageModel, guard(mind), onTheLine),
    },
    crm: raw.crm && guardCrm(raw.crm, guard('hubspot'), config.crmPatienceMs),
    required: [voice, ear, mind],
  };
}

/** For a process that tells the outside of calls. */
export function fenceDelivery(config: Config, { crm, languageModel }: RawServices, { guard }: Fences): CrmDeliveryServices {
  return {
    crm: crm && guardCrm(crm, guard('hubspot'), config.crmPatienceMs),
    languageModel: languageModel && guardLanguageModel(languageModel, guard('openai:language-model'), { stallMs: STALL_MS }),
  };
}
