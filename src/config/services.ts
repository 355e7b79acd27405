import { choice, form, ordered, type Settings, secret, text, url, type Values } from './setting.ts';

const VOICES = ['elevenlabs', 'openai'] as const;
const EARS = ['elevenlabs', 'deepgram', 'openai'] as const;
const MINDS = ['openai', 'second'] as const;

const TRANSPORTS = ['http', 'websocket'] as const;

const WAYS = ['pipeline', 'deepgram-agent'] as const;

/** Who speaks, listens and thinks, and the CRM. */
export const SERVICE_SETTINGS = {
  AI: choice(
    'What talks: speech-to-text, language model and text-to-speech one by one, or Deepgram, which listens, thinks and speaks on one connection',
    WAYS,
    'pipeline',
  ),
  ELEVENLABS_API_KEY: secret('Key for text-to-speech and speech-to-text'),
  ELEVENLABS_BASE_URL: url('Where ElevenLabs is reached', ['http:', 'https:'], 'https://api.elevenlabs.io'),
  ELEVENLABS_MODEL: text('Text-to-speech model', 'model', 'eleven_flash_v2_5'),
  ELEVENLABS_TRANSPORT: choice('How its text-to-speech is reached; the websocket does not know eleven_v3', TRANSPORTS, 'http'),
  OPENAI_API_KEY: secret('Key for the language model, and where OpenAI speaks or listens'),
  OPENAI_BASE_URL: url('Where OpenAI is reached', ['http:', 'https:'], 'https://api.openai.com/v1'),
  OPENAI_MODEL: text('Language model', 'model', 'gpt-4.1-mini'),
  OPENAI_SPEECH_MODEL: text('Text-to-speech model, where OpenAI speaks', 'model', 'gpt-4o-mini-tts'),
  OPENAI_LISTENING_MODEL: text(
    'Speech-to-text model, where OpenAI listens: one of its realtime transcription',
    'model',
    'gpt-live-transcribe',
  ),
  OPENAI_VOICE: text("Its voice; a campaign's is a voice of ElevenLabs", 'voice', 'alloy'),
  SECOND_MODEL_API_KEY: secret("Key for a second language model, of anybody who speaks OpenAI's Responses API"),
  SECOND_MODEL_BASE_URL: url('Where it is reached, up to and with /v1', ['http:', 'https:'], 'https://api.openai.com/v1'),
  SECOND_MODEL: text('The model there', 'model', 'gpt-4.1-mini'),
  DEEPGRAM_API_KEY: secret('Key for speech-to-text where Deepgram listens, and for its voice agent'),
  DEEPGRAM_BASE_URL: url('Where Deepgram is reached', ['http:', 'https:'], 'https://api.deepgram.com'),
  DEEPGRAM_MODEL: text('Its model: nova-3, or flux-general-en or flux-general-multi', 'model', 'nova-3'),
  DEEPGRAM_AGENT_URL: url("Where Deepgram's voice agent is reached", ['http:', 'https:'], 'https://agent.deepgram.com'),
  DEEPGRAM_AGENT_THINK: {
    ...form(
      'What the voice agent thinks with, of the models that Deepgram hosts',
      'provider/model',
      /^[a-z_]+\/\S+$/,
      'a provider and a model: open_ai/gpt-4.1-mini',
    ),
    default: 'open_ai/gpt-4.1-mini',
  },
  DEEPGRAM_AGENT_VOICE: text(
    "What it speaks with: a voice of Deepgram (aura-2-…, flux-…), or elevenlabs for the campaign's; Deepgram is then told ELEVENLABS_API_KEY",
    'voice',
    'aura-2-thalia-en',
  ),
  TEXT_TO_SPEECH: ordered('Who speaks; the second one where the first fails before its first sound', VOICES, 'elevenlabs'),
  SPEECH_TO_TEXT: ordered('Who listens; the next one where no session can be had from the one before', EARS, 'elevenlabs'),
  LANGUAGE_MODEL: ordered('Who thinks; the second one where the first fails before its first word', MINDS, 'openai'),
  HUBSPOT_ACCESS_TOKEN: secret('Private app token of HubSpot. Unset: no CRM'),
  HUBSPOT_BASE_URL: url('Where HubSpot is reached', ['http:', 'https:'], 'https://api.hubapi.com'),
  ELEVENLABS_PROBE_VOICE: text('Voice that says one word when text-to-speech is tried after an outage', 'voice id', '21m00Tcm4TlvDq8ikWAM'),
} as const satisfies Settings;

export interface ServiceConfig {
  ai: (typeof WAYS)[number];
  deepgramAgent: { url: string; think: string; voice: string };
  elevenLabs: { apiKey: string; baseUrl: string; model: string; transport: (typeof TRANSPORTS)[number]; probeVoice: string };
  openAi: { apiKey: string; baseUrl: string; model: string; speechModel: string; listeningModel: string; voice: string };
  secondModel: { apiKey: string; baseUrl: string; model: string };
  deepgram: { apiKey: string; baseUrl: string; model: string };
  /** Who speaks, who listens and who thinks, in the order in which they are asked. */
  alternatives: {
    textToSpeech: (typeof VOICES)[number][];
    speechToText: (typeof EARS)[number][];
    languageModel: (typeof MINDS)[number][];
  };
  hubSpot: { accessToken: string; baseUrl: string } | undefined;
}

type ServiceSetting = keyof typeof SERVICE_SETTINGS;

const KEY_OF: Readonly<Record<string, ServiceSetting>> = {
  elevenlabs: 'ELEVENLABS_API_KEY',
  openai: 'OPENAI_API_KEY',
  deepgram: 'DEEPGRAM_API_KEY',
  second: 'SECOND_MODEL_API_KEY',
};

/** The keys of those who were chosen to listen, to think and to speak. */
export function chosenKeys(env: Record<string, string | undefined>): ServiceSetting[] {
  const chosen = (name: 'AI' | 'LANGUAGE_MODEL' | 'TEXT_TO_SPEECH' | 'SPEECH_TO_TEXT' | 'DEEPGRAM_AGENT_VOICE') =>
    env[name]?.trim() || SERVICE_SETTINGS[name].default || '';
  // Whoever talks, text-to-speech renders the opening line before the phone rings.
  const names =
    chosen('AI') === 'deepgram-agent'
      ? ['deepgram', chosen('TEXT_TO_SPEECH'), chosen('DEEPGRAM_AGENT_VOICE')]
      : [chosen('LANGUAGE_MODEL'), chosen('TEXT_TO_SPEECH'), chosen('SPEECH_TO_TEXT')];
  return names.flatMap((list) => list.split(',').flatMap((name) => KEY_OF[name.trim()] ?? []));
}

/** What would be found out only when nobody can be called any more. */
export function serviceProblems(env: Record<string, string | undefined>): string[] {
  const model = env.ELEVENLABS_MODEL?.trim();
  if (env.ELEVENLABS_TRANSPORT?.trim() !== 'websocket' || !model?.startsWith('eleven_v3')) return [];
  return [`ELEVENLABS_MODEL is "${model}", which the websocket doesn't know. Expected: another model, or ELEVENLABS_TRANSPORT=http.`];
}

export function readServices({ has, string }: Values<ServiceSetting>): ServiceConfig {
  return {
    ai: string('AI') as ServiceConfig['ai'],
    deepgramAgent: { url: string('DEEPGRAM_AGENT_URL'), think: string('DEEPGRAM_AGENT_THINK'), voice: string('DEEPGRAM_AGENT_VOICE') },
    elevenLabs: {
      apiKey: string('ELEVENLABS_API_KEY'),
      baseUrl: string('ELEVENLABS_BASE_URL'),
      model: string('ELEVENLABS_MODEL'),
      transport: string('ELEVENLABS_TRANSPORT') as ServiceConfig['elevenLabs']['transport'],
      probeVoice: string('ELEVENLABS_PROBE_VOICE'),
    },
    openAi: {
      apiKey: string('OPENAI_API_KEY'),
      baseUrl: string('OPENAI_BASE_URL'),
      model: string('OPENAI_MODEL'),
      speechModel: string('OPENAI_SPEECH_MODEL'),
      listeningModel: string('OPENAI_LISTENING_MODEL'),
      voice: string('OPENAI_VOICE'),
    },
    secondModel: {
      apiKey: string('SECOND_MODEL_API_KEY'),
      baseUrl: string('SECOND_MODEL_BASE_URL'),
      model: string('SECOND_MODEL'),
    },
    deepgram: { apiKey: string('DEEPGRAM_API_KEY'), baseUrl: string('DEEPGRAM_BASE_URL'), model: string('DEEPGRAM_MODEL') },
    alternatives: {
      textToSpeech: string('TEXT_TO_SPEECH').split(',') as ServiceConfig['alternatives']['textToSpeech'],
      speechToText: string('SPEECH_TO_TEXT').split(',') as ServiceConfig['alternatives']['speechToText'],
      languageModel: string('LANGUAGE_MODEL').split(',') as ServiceConfig['alternatives']['languageModel'],
    },
    hubSpot: has('HUBSPOT_ACCESS_TOKEN') ? { accessToken: string('HUBSPOT_ACCESS_TOKEN'), baseUrl: string('HUBSPOT_BASE_URL') } : undefined,
  };
}
