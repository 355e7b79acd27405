import { createClassify } from '../error-classification/classify.ts';
import { type DeepgramDialect, deepgramDialect } from './deepgram-dialect.ts';
import { DEEPGRAM_BASE_URL, probeDeepgram } from './deepgram-probe.ts';
import { startDeepgramSession } from './deepgram-session.ts';
import { DEEPGRAM_ERRORS } from './errors/deepgram.ts';
import type { Probed } from './probe.ts';
import { openWithin } from './service-session.ts';
import { socketUrl } from './service-socket.ts';
import type { SpeechToText, SpeechToTextOptions } from './speech-to-text.ts';

export interface DeepgramSpeechToTextOptions {
  apiKey: string;
  baseUrl?: string | undefined;
  /** `nova-3` unless told otherwise; those that begin with `flux-` listen by Flux. */
  model?: string | undefined;
  /** Until the service is listening. Milliseconds. */
  deadlineMs: number;
  /** Without a sign of life, or without the transcript that is due, the session is lost. Milliseconds; 5 s unless told otherwise. */
  stallMs?: number | undefined;
  /** The service ends a session in which it hears nothing for 10 s, and advises a sign every 3 to 5 s. Milliseconds; 4 s unless told otherwise. */
  keepAliveMs?: number | undefined;
  /** A commit of what holds no words isn't always answered; after so long that is the answer. Milliseconds; 1 s unless told otherwise. */
  settleMs?: number | undefined;
}

/** Deepgram's Nova or Flux, with commits when we say so. Written on websockets: its SDK reconnects behind our back. */
export function createDeepgramSpeechToText(options: DeepgramSpeechToTextOptions): SpeechToText & Probed {
  const {
    apiKey,
    baseUrl = DEEPGRAM_BASE_URL,
    model = 'nova-3',
    deadlineMs,
    stallMs = 5_000,
    keepAliveMs = 4_000,
    settleMs = 1_000,
  } = options;
  const classify = createClassify({ service: 'deepgram:speech-to-text', table: DEEPGRAM_ERRORS, secrets: [apiKey] });
  const dialect = deepgramDialect(model);

  return {
    open: (session) =>
      openWithin(
        (toServiceError) => {
          const url = sessionUrl(baseUrl, dialect, session);
          return startDeepgramSession({ url, apiKey, dialect, session, stallMs, keepAliveMs, settleMs, toServiceError });
        },
        { signal: session.signal, deadlineMs, classify, operation: 'speech-to-text' },
      ),

    probe: (signal) => probeDeepgram({ apiKey, baseUrl, deadlineMs, classify, signal }),
  };
}

function sessionUrl(baseUrl: string, dialect: DeepgramDialect, session: SpeechToTextOptions): URL {
  const url = socketUrl(baseUrl, dialect.path);
  const audio = { encoding: 'linear16', sample_rate: String(session.sampleRate) };
  const query = { ...dialect.query(new Intl.Locale(session.language).language), ...audio };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}
