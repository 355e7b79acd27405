import { createClassify } from '../error-classification/classify.ts';
import { OPENAI_LISTENING_ERRORS } from './errors/openai-listening.ts';
import { createOpenAiClient, type OpenAiAccount, probeOpenAiModel } from './openai-client.ts';
import { startOpenAiListeningSession } from './openai-listening-session.ts';
import type { Probed } from './probe.ts';
import { openWithin } from './service-session.ts';
import { socketUrl } from './service-socket.ts';
import type { SpeechToText } from './speech-to-text.ts';

export interface OpenAiSpeechToTextOptions extends OpenAiAccount {
  /** `gpt-live-transcribe` unless told otherwise. */
  model?: string | undefined;
  /** Without a sign of life, or without the transcript that is due, the session is lost. Milliseconds; 5 s unless told otherwise. */
  stallMs?: number | undefined;
}

export const OPENAI_BASE_URL = 'https://api.openai.com/v1';
/** Of the silence that a trial sends. Hertz. */
const TRIAL_RATE = 8000;
/** Its length: the service takes no less than a tenth of a second. */
const TRIAL_MS = 200;

/** OpenAI's realtime transcription, with commits when we say so. Written on websockets: the SDK's socket wants `wss:` and tells no close codes. */
export function createOpenAiSpeechToText(options: OpenAiSpeechToTextOptions): SpeechToText & Probed {
  const { apiKey, baseUrl = OPENAI_BASE_URL, model = 'gpt-live-transcribe', deadlineMs, stallMs = 5_000 } = options;
  const classify = createClassify({ service: 'openai:speech-to-text', table: OPENAI_LISTENING_ERRORS, secrets: [apiKey] });
  const client = createOpenAiClient(options);
  // A model in the address would make it a talk, which can't be told to only listen.
  const url = socketUrl(baseUrl, '/realtime?intent=transcription');

  const open: SpeechToText['open'] = (session) =>
    openWithin((toServiceError) => startOpenAiListeningSession({ url, apiKey, model, session, stallMs, toServiceError }), {
      ...{ signal: session.signal, deadlineMs, classify, operation: 'speech-to-text' },
    });

  return {
    open,
    trial: (signal) => hearSilence(open, signal),
    probe: (signal) => probeOpenAiModel({ client, classify, model, deadlineMs, signal }),
  };
}

/** A session opens without credit, too: only something made final proves that there is some, and nothing but silence is enough. */
async function hearSilence(open: SpeechToText['open'], signal: AbortSignal): Promise<void> {
  const heard = Promise.withResolvers<void>();
  const onAbort = () => heard.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const session = await open({
      ...{ sampleRate: TRIAL_RATE, language: 'en', signal },
      onInterim() {},
      onFinal: () => heard.resolve(),
      onError: heard.reject,
    });
    session.send(Buffer.alloc((TRIAL_RATE * 2 * TRIAL_MS) / 1000));
    session.commit();
    await heard.promise.finally(() => session.close());
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
