import type { ModelMessage } from './language-model.ts';
import { socketUrl } from './service-socket.ts';
import type { AgentBrief, VoiceAgentRequest } from './voice-agent.ts';

/** How a Deepgram voice agent listens, thinks and speaks. */
export interface DeepgramAgentModels {
  /** `nova-…` or `flux-…`. */
  listen: string;
  /** `provider/model`, as Deepgram hosts them: `open_ai/gpt-4.1-mini`. */
  think: string;
  /** A voice of Deepgram (`aura-2-…`, `flux-…`), or ElevenLabs with the campaign's voice. */
  speak: string | { elevenLabs: { apiKey: string; baseUrl: string; model: string } };
}

type Json = Record<string, unknown>;

/** A managed model takes 25,000 characters, and cuts off what is beyond them. */
const MAX_PROMPT_CHARACTERS = 24_000;

/** The first message of a session. The greeting is ours: who calls, and that it is an AI, is spoken by the worker. */
export function settingsMessage(request: VoiceAgentRequest, models: DeepgramAgentModels): Json {
  const { sampleRate, language } = request;
  const pcm = { encoding: 'linear16', sample_rate: sampleRate };
  const messages = toHistory(request.history());
  return {
    type: 'Settings',
    audio: { input: pcm, output: { ...pcm, container: 'none' } },
    agent: {
      ...(messages.length > 0 && { context: { messages } }),
      listen: { provider: listenProvider(models.listen, language) },
      think: thinkSettings(request.brief(), models.think),
      speak: speakSettings(models.speak, request),
    },
  };
}

function listenProvider(model: string, language: string): Json {
  const { language: primary } = new Intl.Locale(language);
  if (!model.startsWith('flux-')) return { type: 'deepgram', model, language: primary };
  return { type: 'deepgram', version: 'v2', model, ...(model.endsWith('-multi') && { language_hints: [primary] }) };
}

export function thinkSettings({ instructions, tools }: AgentBrief, think: string): Json {
  const [type, ...model] = think.split('/');
  return {
    provider: { type, model: model.join('/') },
    prompt: instructions.slice(0, MAX_PROMPT_CHARACTERS),
    // The agent thinks ahead while the callee may still go on; what a tool does can't be taken back.
    functions: tools.map(({ name, description, parameters }) => ({ name, description, parameters, defer_until_eot: true })),
  };
}

function speakSettings(speak: DeepgramAgentModels['speak'], { voice, language }: VoiceAgentRequest): Json {
  if (typeof speak === 'string')
    return { provider: { type: 'deepgram', ...(speak.startsWith('flux-') && { version: 'v2' }), model: speak } };
  const { apiKey, baseUrl, model } = speak.elevenLabs;
  const { href } = socketUrl(baseUrl, `/v1/text-to-speech/${encodeURIComponent(voice)}/multi-stream-input`);
  return {
    provider: { type: 'eleven_labs', model_id: model, language_code: new Intl.Locale(language).language },
    endpoint: { url: href, headers: { 'xi-api-key': apiKey } },
  };
}

/** Remarks to the model have no place in a history: they stand in the brief. A tool call is one only with its result. */
function toHistory(messages: readonly ModelMessage[]): Json[] {
  return messages.flatMap<Json>((message) => {
    if (message.role === 'tool-call') {
      const { callId, name } = message;
      const result = messages.find((other) => other.role === 'tool-result' && other.callId === callId);
      if (result?.role !== 'tool-result') return [];
      const call = { id: callId, name, client_side: true, arguments: message.arguments, response: result.output };
      return [{ type: 'History', function_calls: [call] }];
    }
    if (message.role === 'tool-result' || message.role === 'system') return [];
    return [{ type: 'History', role: message.role, content: message.text }];
  });
}
