import type { ElevenLabsClient } from 'elevenlabs';
import { createClassify } from '../error-classification/classify.ts';
import { createElevenLabsClient, createElevenLabsProbe, ELEVENLABS_BASE_URL, type ElevenLabsAccount } from './elevenlabs-client.ts';
import { ELEVENLABS_LISTENING_ERRORS } from './errors/elevenlabs-listening.ts';
import type { Probed } from './probe.ts';
import { startScribeSession } from './scribe-session.ts';
import { openWithin } from './service-session.ts';
import { socketUrl } from './service-socket.ts';
import type { SpeechToText, SpeechToTextOptions } from './speech-to-text.ts';

export interface ElevenLabsSpeechToTextOptions extends ElevenLabsAccount {
  /** `scribe_v2_realtime` unless told otherwise. */
  model?: string | undefined;
  /** Until the service is listening. Milliseconds. */
  deadlineMs: number;
  /** Without a sign of life, or without the transcript that is due, the session is lost. Milliseconds; 5 s unless told otherwise. */
  stallMs?: number | undefined;
  /**
   * The service drops a session that sends no audio, pings or not; after this long without any, silence is sent.
   * Milliseconds; 5 s unless told otherwise, where others who use the service send something every 5 to 10 s.
   */
  keepAliveMs?: number | undefined;
}

const SAMPLE_RATES = [8000, 16_000, 22_050, 24_000, 44_100, 48_000];

/** ElevenLabs' Scribe v2 Realtime, with commits when we say so. */
export function createElevenLabsSpeechToText(options: ElevenLabsSpeechToTextOptions): SpeechToText & Probed {
  const { apiKey, deadlineMs, stallMs = 5_000, keepAliveMs = 5_000 } = options;
  const classify = createClassify({ service: 'elevenlabs:speech-to-text', table: ELEVENLABS_LISTENING_ERRORS, secrets: [apiKey] });
  let made: Promise<ElevenLabsClient> | undefined;
  const client = (): Promise<ElevenLabsClient> => {
    made ??= createElevenLabsClient(options, deadlineMs);
    return made;
  };

  return {
    probe: createElevenLabsProbe({ client, classify, deadlineMs }),
    async open(session) {
      const url = sessionUrl(options, session);
      return openWithin((toServiceError) => startScribeSession({ url, apiKey, session, stallMs, keepAliveMs, toServiceError }), {
        ...{ signal: session.signal, deadlineMs, classify, operation: 'speech-to-text' },
      });
    },
  };
}

function sessionUrl(
  { baseUrl = ELEVENLABS_BASE_URL, model = 'scribe_v2_realtime' }: ElevenLabsSpeechToTextOptions,
  session: SpeechToTextOptions,
): URL {
  if (!SAMPLE_RATES.includes(session.sampleRate)) throw new RangeError(`speech-to-text at ${session.sampleRate} Hz is not possible`);
  const url = socketUrl(baseUrl, '/v1/speech-to-text/realtime');
  url.searchParams.set('model_id', model);
  url.searchParams.set('audio_format', `pcm_${session.sampleRate}`);
  // Our own detector decides when the callee has paused; the service's would wait 1.5 s.
  url.searchParams.set('commit_strategy', 'manual');
  url.searchParams.set('language_code', new Intl.Locale(session.language).language);
  return url;
}
