import { createClassify } from '../error-classification/classify.ts';
import { OPENAI_ERRORS } from './errors/openai.ts';
import { createOpenAiClient, probeOpenAiModel } from './openai-client.ts';
import { refuseText, wholeSamples } from './pcm-stream.ts';
import type { Probed } from './probe.ts';
import { createRequestWatch } from './request-watch.ts';
import { createResampler } from './resampler.ts';
import type { SpeechRequest, TextToSpeech } from './text-to-speech.ts';

export interface OpenAiTextToSpeechOptions {
  apiKey: string;
  /** Up to and with `/v1`. */
  baseUrl?: string | undefined;
  model: string;
  /** One of this service's: a campaign's voice is the name of another service's. */
  voice: string;
  /** From the request to its first audio. Milliseconds. */
  deadlineMs: number;
  /** The longest wait for more audio. Milliseconds. */
  stallMs: number;
}

const OPERATION = 'text-to-speech';
/** The only rate of its PCM. Hertz. */
const SERVICE_RATE = 24_000;

/** OpenAI's speech, as PCM at the rate of the line. The language is what the text is in. */
export function createOpenAiTextToSpeech(options: OpenAiTextToSpeechOptions): TextToSpeech & Probed {
  const { apiKey, model, voice, deadlineMs, stallMs } = options;
  const classify = createClassify({ service: 'openai:text-to-speech', table: OPENAI_ERRORS, secrets: [apiKey] });
  const client = createOpenAiClient(options);

  return {
    async *synthesize({ text, sampleRate }: SpeechRequest, signal) {
      signal.throwIfAborted();
      if (text.trim() === '') return;
      const resampler = createResampler(SERVICE_RATE, sampleRate);
      const watch = createRequestWatch({ signal, deadlineMs, stallMs, lateCode: 'no-first-chunk' });
      try {
        const asked = { model, voice, input: text, response_format: 'pcm' as const };
        const response = await watch.settle(client.audio.speech.create(asked, { signal: watch.signal }));
        refuseText(response.headers.get('content-type'));
        for await (const pcm of wholeSamples(response.body ?? new ReadableStream(), watch)) {
          const audio = resampler.push(pcm);
          if (audio.length > 0) yield audio;
        }
        const rest = resampler.end();
        if (rest.length > 0) yield rest;
      } catch (error) {
        signal.throwIfAborted();
        throw classify(error, OPERATION);
      } finally {
        watch.dispose();
      }
    },

    probe: (signal) => probeOpenAiModel({ client, classify, model, deadlineMs, signal }),
  };
}
