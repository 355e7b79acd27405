import type { SessionUpdateEvent } from 'openai/resources/realtime/realtime';
import { fault } from '../error-classification/classify.ts';
import { createAudioBatch } from './audio-batch.ts';
import { createOpenAiUtterances } from './openai-utterances.ts';
import { createResampler } from './resampler.ts';
import { openServiceSession, type SessionOptions } from './service-session.ts';
import type { SocketMessage } from './service-socket.ts';
import { noWords, type SpeechToTextOptions, type SpeechToTextSession } from './speech-to-text.ts';

export interface OpenAiListeningSessionOptions extends SessionOptions {
  model: string;
  session: SpeechToTextOptions;
}

/** The only rate of PCM that the service takes. Hertz. */
const SERVICE_RATE = 24_000;
const BYTES_PER_MS = (SERVICE_RATE * 2) / 1000;
/** Sent together: five frames. A commit never waits for it. */
const PIECE_MS = 100;
const LARGEST_PIECE_MS = 1_000;
/** The service refuses to make less than this final. */
const SHORTEST_COMMIT_MS = 100;
/** The service keeps what isn't committed in a buffer of 15 MiB, which is five minutes. */
const COMMIT_SILENCE_MS = 30_000;
/** In base64. */
const WIRE_BYTES_PER_BYTE = 4 / 3;

const TRANSCRIPTION = 'conversation.item.input_audio_transcription';
/** Complaints that are an answer: there was too little to make final, or nobody could make words of it. */
const NOTHING_HEARD: readonly unknown[] = ['input_audio_buffer_commit_empty', 'audio_unintelligible'];

/** Starts listening; `ready` resolves when the service has taken the settings, and rejects with whatever was thrown. */
export function startOpenAiListeningSession(options: OpenAiListeningSessionOptions): {
  ready: Promise<void>;
  session: SpeechToTextSession;
} {
  const { url, apiKey, session, stallMs, toServiceError } = options;
  const asked = JSON.stringify(settings(options));
  const resampler = createResampler(session.sampleRate, SERVICE_RATE);
  const utterances = createOpenAiUtterances((text) => wire.isOpen && session.onFinal(text));
  let uncommittedMs = 0;

  const wire = openServiceSession({
    wire: {
      url,
      headers: { authorization: `Bearer ${apiKey}` },
      typeField: 'type',
      toBody: (reason) => ({ error: { ...typeAndCode(reason), message: reason } }),
      onOpen: () => wire.send(asked),
      onMessage,
    },
    signal: session.signal,
    bytesPerMs: BYTES_PER_MS * WIRE_BYTES_PER_BYTE,
    stallMs,
    onBeat: watchOver,
    onError: session.onError,
    toServiceError,
  });
  const audio = createAudioBatch({ bytesPerMs: BYTES_PER_MS, pieceMs: PIECE_MS, largestMs: LARGEST_PIECE_MS, send });

  function onMessage(type: string, message: SocketMessage): void {
    const itemId = textOf(message.item_id);
    switch (type) {
      case 'session.updated':
        wire.opened();
        break;
      case 'input_audio_buffer.committed':
        utterances.name(itemId);
        break;
      case `${TRANSCRIPTION}.delta`:
        utterances.add(itemId, textOf(message.delta));
        if (utterances.words !== '') session.onInterim(utterances.words);
        break;
      case `${TRANSCRIPTION}.completed`:
        utterances.finish(itemId, textOf(message.transcript).trim());
        break;
      case `${TRANSCRIPTION}.failed`:
        if (saysNothingHeard(message)) utterances.finish(itemId, '');
        else wire.fail(complaint(message));
        break;
      case 'error':
        if (saysNothingHeard(message)) utterances.nothing();
        else wire.fail(complaint(message));
        break;
      default:
      // Progress that says nothing to us. Unknown messages are the future's.
    }
  }

  function send(pcm: Buffer): void {
    wire.send(JSON.stringify({ type: 'input_audio_buffer.append', audio: pcm.toString('base64') }));
    uncommittedMs += pcm.length / BYTES_PER_MS;
  }

  function commit(ours: boolean): void {
    audio.flush();
    const silent = uncommittedMs < SHORTEST_COMMIT_MS;
    utterances.commit({ ours, silent });
    if (silent) return;
    wire.send(JSON.stringify({ type: 'input_audio_buffer.commit' }));
    uncommittedMs = 0;
  }

  function watchOver(now: number): void {
    const { waitingSince } = utterances;
    if (waitingSince !== undefined && now - waitingSince > stallMs)
      wire.fail(fault('no-final-transcript', `none came within ${stallMs} ms`));
    else if (utterances.words === '' && uncommittedMs > COMMIT_SILENCE_MS) commit(true);
  }

  return {
    ready: wire.ready,
    session: {
      send: (pcm) => wire.isOpen && audio.push(resampler.push(pcm)),
      commit: () => wire.isOpen && commit(false),
      distrust: () => wire.fail(noWords()),
      close: wire.close,
    },
  };
}

function settings({ model, session }: OpenAiListeningSessionOptions): SessionUpdateEvent {
  const { language } = new Intl.Locale(session.language);
  // The newer models take several languages, and the older ones one.
  const hint = /^gpt-(live-)?transcribe/.test(model) ? { languages: [language] } : { language };
  return {
    type: 'session.update',
    session: {
      type: 'transcription',
      audio: {
        input: {
          format: { type: 'audio/pcm', rate: SERVICE_RATE },
          transcription: { model, ...hint },
          // Our own detector decides when the callee has paused.
          turn_detection: null,
        },
      },
    },
  };
}

/** A close says why as `invalid_request_error.invalid_api_key`, or in words. */
function typeAndCode(reason: string): { type?: string | undefined; code?: string | undefined } {
  const { type, code } = /^(?<type>[a-z_]+)\.(?<code>[a-z_]+)$/.exec(reason)?.groups ?? {};
  return { type, code };
}

function saysNothingHeard({ error }: SocketMessage): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && NOTHING_HEARD.includes(error.code);
}

/** A complaint that no table knows is the service's fault. */
function complaint({ error }: SocketMessage): Error {
  return Object.assign(fault('service-error', 'the service reported an error'), { body: { error } });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
