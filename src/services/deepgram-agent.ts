import { createClassify } from '../error-classification/classify.ts';
import { startDeepgramAgentSession } from './deepgram-agent-session.ts';
import type { DeepgramAgentModels } from './deepgram-agent-settings.ts';
import { probeDeepgram } from './deepgram-probe.ts';
import { DEEPGRAM_AGENT_ERRORS } from './errors/deepgram-agent.ts';
import type { Probed } from './probe.ts';
import { openWithin } from './service-session.ts';
import { socketUrl } from './service-socket.ts';
import type { VoiceAgent } from './voice-agent.ts';

export interface DeepgramAgentOptions {
  apiKey: string;
  /** Where the agent is reached: another host than the rest of Deepgram. */
  agentUrl?: string | undefined;
  /** Of the rest. */
  baseUrl?: string | undefined;
  models: DeepgramAgentModels;
  /** Until the service is set up, and again until each reply begins. Milliseconds. */
  deadlineMs: number;
  /** Milliseconds; 5 s unless told otherwise. */
  stallMs?: number | undefined;
  /** Without audio the service wants a sign of life at least every 8 s. Milliseconds; 5 s unless told otherwise. */
  keepAliveMs?: number | undefined;
}

export const DEEPGRAM_AGENT_URL = 'https://agent.deepgram.com';

/** Deepgram's Voice Agent. Written on websockets: its SDK reconnects behind our back, to a session without settings. */
export function createDeepgramAgent(options: DeepgramAgentOptions): VoiceAgent & Probed {
  const { apiKey, agentUrl = DEEPGRAM_AGENT_URL, models, deadlineMs, stallMs = 5_000, keepAliveMs = 5_000 } = options;
  const secrets = [apiKey, ...(typeof models.speak === 'string' ? [] : [models.speak.elevenLabs.apiKey])];
  const classify = createClassify({ service: 'deepgram:voice-agent', table: DEEPGRAM_AGENT_ERRORS, secrets });
  const url = socketUrl(agentUrl, '/v1/agent/converse');

  const session = { url, apiKey, models, replyMs: deadlineMs, stallMs, keepAliveMs };
  const open: VoiceAgent['open'] = (request) =>
    openWithin((toServiceError) => startDeepgramAgentSession({ ...session, request, toServiceError }), {
      ...{ signal: request.signal, deadlineMs, classify, operation: 'voice agent' },
    });

  return { open, probe: (signal) => probeDeepgram({ apiKey, baseUrl: options.baseUrl, deadlineMs, classify, signal }) };
}

/** What a trial of a voice agent is: it has to think of a word and begin to say it. Rejects with a ServiceError, or the signal's reason. */
export async function tryVoiceAgent(agent: VoiceAgent, sampleRate: number, signal: AbortSignal): Promise<void> {
  const heard = Promise.withResolvers<void>();
  const session = await agent.open({
    ...{ sampleRate, signal, language: 'en', voice: '' },
    brief: () => ({ instructions: 'Answer with the word yes.', tools: [] }),
    history: () => [],
    onEvent: ({ kind }) => kind === 'sound' && heard.resolve(),
    onError: heard.reject,
  });
  const onAbort = () => heard.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    session.ask('yes?');
    await heard.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    session.close();
  }
}
