import type { Config } from './config.ts';
import type { Crm } from './services/crm.ts';
import { createDeepgramAgent } from './services/deepgram-agent.ts';
import { createDeepgramSpeechToText } from './services/deepgram-speech-to-text.ts';
import { createElevenLabsSpeechToText } from './services/elevenlabs-speech-to-text.ts';
import { createElevenLabsTextToSpeech } from './services/elevenlabs-text-to-speech.ts';
import { createHubSpot } from './services/hubspot.ts';
import type { LanguageModel } from './services/language-model.ts';
import { createOpenAiLanguageModel } from './services/openai-language-model.ts';
import { createOpenAiSpeechToText } from './services/openai-speech-to-text.ts';
import { createOpenAiTextToSpeech } from './services/openai-text-to-speech.ts';
import type { Probed } from './services/probe.ts';
import type { SpeechToText } from './services/speech-to-text.ts';
import type { TextToSpeech } from './services/text-to-speech.ts';
import type { VoiceAgent } from './services/voice-agent.ts';

/** One of several that can do the same. */
export interface Alternative<T> {
  /** Of its breaker. */
  name: string;
  service: T;
}

/** The clients of the remote services, which know nothing of retries. One without a key isn't there. */
export interface RawServices {
  /** In the order in which they are asked. */
  textToSpeech: readonly Alternative<TextToSpeech & Probed>[];
  speechToText: readonly Alternative<SpeechToText & Probed>[];
  languageModel: readonly Alternative<LanguageModel & Probed>[];
  /** Undefined where the three above talk. */
  voiceAgent: (VoiceAgent & Probed) | undefined;
  crm: (Crm & Probed) | undefined;
}

/** The longest silence in a stream before it counts as broken: a callee hears a gap this long as a dead line. */
export const STALL_MS = 4_000;

export function createServices(config: Config): RawServices {
  const { hubSpot, serviceDeadlineMs: deadlineMs } = config;
  return {
    textToSpeech: createVoices(config),
    speechToText: createEars(config),
    languageModel: createMinds(config),
    voiceAgent: createAgent(config),
    crm: hubSpot === undefined ? undefined : createHubSpot({ ...hubSpot, deadlineMs }),
  };
}

function createAgent(config: Config): RawServices['voiceAgent'] {
  const { ai, deepgram, deepgramAgent, elevenLabs, serviceDeadlineMs: deadlineMs } = config;
  const { apiKey, baseUrl } = deepgram;
  if (ai !== 'deepgram-agent' || apiKey === '') return undefined;
  const speak = deepgramAgent.voice === 'elevenlabs' ? { elevenLabs } : deepgramAgent.voice;
  const models = { listen: deepgram.model, think: deepgramAgent.think, speak };
  return createDeepgramAgent({ apiKey, agentUrl: deepgramAgent.url, baseUrl, models, deadlineMs, stallMs: STALL_MS });
}

function createVoices({ elevenLabs, openAi, alternatives, serviceDeadlineMs: deadlineMs }: Config): RawServices['textToSpeech'] {
  const timing = { deadlineMs, stallMs: STALL_MS };
  return alternatives.textToSpeech.flatMap((name) => {
    const { apiKey, baseUrl } = name === 'openai' ? openAi : elevenLabs;
    if (apiKey === '') return [];
    const service =
      name === 'openai'
        ? createOpenAiTextToSpeech({ apiKey, baseUrl, model: openAi.speechModel, voice: openAi.voice, ...timing })
        : createElevenLabsTextToSpeech({ ...elevenLabs, ...timing });
    return [{ name: `${name}:text-to-speech`, service }];
  });
}

function createMinds({ openAi, secondModel, alternatives, serviceDeadlineMs: deadlineMs }: Config): RawServices['languageModel'] {
  return alternatives.languageModel.flatMap((provider) => {
    const { apiKey, baseUrl, model } = provider === 'second' ? secondModel : openAi;
    if (apiKey === '') return [];
    const name = `${provider}:language-model`;
    const label = provider === 'second' ? 'The second language model' : undefined;
    return [{ name, service: createOpenAiLanguageModel({ apiKey, baseUrl, model, service: name, label, deadlineMs, stallMs: STALL_MS }) }];
  });
}

type Ear = Config['alternatives']['speechToText'][number];

function createEars(config: Config): RawServices['speechToText'] {
  const { ai, elevenLabs, deepgram, openAi, alternatives } = config;
  if (ai !== 'pipeline') return [];
  const keys: Record<Ear, string> = { elevenlabs: elevenLabs.apiKey, deepgram: deepgram.apiKey, openai: openAi.apiKey };
  return alternatives.speechToText
    .filter((name) => keys[name] !== '')
    .map((name) => ({ name: `${name}:speech-to-text`, service: createEar(name, config) }));
}

function createEar(name: Ear, { elevenLabs, deepgram, openAi, serviceDeadlineMs: deadlineMs }: Config): SpeechToText & Probed {
  const timing = { deadlineMs, stallMs: STALL_MS };
  switch (name) {
    case 'elevenlabs':
      return createElevenLabsSpeechToText({ apiKey: elevenLabs.apiKey, baseUrl: elevenLabs.baseUrl, ...timing });
    case 'deepgram':
      return createDeepgramSpeechToText({ ...deepgram, ...timing });
    case 'openai':
      return createOpenAiSpeechToText({ apiKey: openAi.apiKey, baseUrl: openAi.baseUrl, model: openAi.listeningModel, ...timing });
    default:
      return name satisfies never;
  }
}
