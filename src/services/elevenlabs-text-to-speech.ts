import type { ElevenLabsClient } from 'elevenlabs';
import { createClassify } from '../error-classification/classify.ts';
import { createElevenLabsClient, createElevenLabsProbe, ELEVENLABS_BASE_URL, type ElevenLabsAccount } from './elevenlabs-client.ts';
import { openSpeechSocket } from './elevenlabs-speech-socket.ts';
import { ELEVENLABS_ERRORS } from './errors/elevenlabs.ts';
import { ELEVENLABS_SPEECH_SOCKET_ERRORS } from './errors/elevenlabs-speech-socket.ts';
import { refuseText, wholeSamples } from './pcm-stream.ts';
import type { Probed } from './probe.ts';
import { createRequestWatch, type RequestWatch } from './request-watch.ts';
import { socketUrl } from './service-socket.ts';
import type { SpeechRequest, TextToSpeech } from './text-to-speech.ts';

export interface ElevenLabsTextToSpeechOptions extends ElevenLabsAccount {
  /** `eleven_flash_v2_5` unless told otherwise: the fastest, 32 languages. */
  model?: string | undefined;
  /** `http` unless told otherwise: its connection is kept, where the websocket's begins anew with each sentence. */
  transport?: 'http' | 'websocket' | undefined;
  /** From the request to its first audio. Milliseconds. */
  deadlineMs: number;
  /** The longest wait for more audio. Milliseconds. */
  stallMs: number;
}

const OPERATION = 'text-to-speech';

/** ElevenLabs' stream over HTTP or a websocket, as PCM. */
export function createElevenLabsTextToSpeech(options: ElevenLabsTextToSpeechOptions): TextToSpeech & Probed {
  const { apiKey, model = 'eleven_flash_v2_5', transport = 'http', deadlineMs, stallMs } = options;
  const told = { service: 'elevenlabs:text-to-speech', secrets: [apiKey] };
  const classify = createClassify({ ...told, table: ELEVENLABS_ERRORS });
  const classifySpeech = transport === 'http' ? classify : createClassify({ ...told, table: ELEVENLABS_SPEECH_SOCKET_ERRORS });
  let made: Promise<ElevenLabsClient> | undefined;
  const client = (): Promise<ElevenLabsClient> => {
    made ??= createElevenLabsClient(options, deadlineMs);
    return made;
  };

  return {
    probe: createElevenLabsProbe({ client, classify, deadlineMs }),
    async *synthesize(request, signal) {
      signal.throwIfAborted();
      // The service refuses a text without a word in it.
      if (request.text.trim() === '') return;
      // Before the watch begins: loading the SDK takes our time, not the service's.
      const elevenLabs = transport === 'http' ? await client() : undefined;
      const watch = createRequestWatch({ signal, deadlineMs, stallMs, lateCode: 'no-first-chunk' });
      try {
        const body = elevenLabs
          ? await openStream(elevenLabs, model, request, watch)
          : openSpeechSocket({ url: speechUrl(options, model, request), apiKey, text: request.text, signal: watch.signal });
        yield* wholeSamples(body, watch);
      } catch (error) {
        signal.throwIfAborted();
        throw classifySpeech(error, OPERATION);
      } finally {
        watch.dispose();
      }
    },
  };
}

async function openStream(
  elevenLabs: ElevenLabsClient,
  model: string,
  request: SpeechRequest,
  watch: RequestWatch,
): Promise<ReadableStream<Uint8Array>> {
  const { data, rawResponse } = await watch.settle(
    elevenLabs.textToSpeech
      .stream(
        request.voice,
        {
          text: request.text,
          modelId: model,
          outputFormat: pcmFormat(request.sampleRate),
          ...(takesLanguage(model) ? { languageCode: new Intl.Locale(request.language).language } : {}),
        },
        { abortSignal: watch.signal },
      )
      .withRawResponse(),
  );
  // The documented type is audio/mpeg whatever was asked for.
  refuseText(rawResponse.headers.get('content-type'));
  return data;
}

function speechUrl({ baseUrl = ELEVENLABS_BASE_URL }: ElevenLabsAccount, model: string, request: SpeechRequest): URL {
  const url = socketUrl(baseUrl, `/v1/text-to-speech/${encodeURIComponent(request.voice)}/stream-input`);
  url.searchParams.set('model_id', model);
  url.searchParams.set('output_format', pcmFormat(request.sampleRate));
  // The whole sentence is there: nothing is to be waited for.
  url.searchParams.set('auto_mode', 'true');
  if (takesLanguage(model)) url.searchParams.set('language_code', new Intl.Locale(request.language).language);
  return url;
}

function pcmFormat(sampleRate: number): 'pcm_8000' | 'pcm_16000' | 'pcm_24000' {
  if (sampleRate === 8000) return 'pcm_8000';
  if (sampleRate === 16_000) return 'pcm_16000';
  if (sampleRate === 24_000) return 'pcm_24000';
  throw new RangeError(`text-to-speech at ${sampleRate} Hz is not possible: use 8000, 16000 or 24000`);
}

/** The multilingual v2 model recognises the language by itself and refuses to be told. */
function takesLanguage(model: string): boolean {
  return model !== 'eleven_multilingual_v2';
}
