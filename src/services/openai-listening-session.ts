import type { SessionUpdateEvent } from 'openai/resources/realtime/realtime';
import { fault } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';
import { createOpenAiUtterances } from './openai-utterances.ts';
import { createResampler } from './resampler.ts';
import { openServiceSocket, type SocketMessage } from './service-socket.ts';
import { watchSocket } from './socket-watch.ts';
import type { SpeechToTextOptions, SpeechToTextSession } from './speech-to-text.ts';

export interface OpenAiListeningSessionOptions {
  url: URL;
  apiKey: string;
  model: string;
  session: SpeechToTextOptions;
  /** Milliseconds. */
  stallMs: number;
  toServiceError: (error: unknown) => ServiceError;
}

/** The only rate of PCM that the service takes. Hertz. */
const SERVICE_RATE = 24_000;
const BYTES_PER_MS = (SERVICE_RATE * 2) / 1000;
/** Sent together: five frames. A commit never waits for it. */
const CHUNK_MS = 100;
/** The service refuses to make less than this final. */
const SHORTEST_COMMIT_MS = 100;
/** The service keeps what isn't committed in a buffer of 15 MiB, which is five minutes. */
const COMMIT_SILENCE_MS = 30_000;
/** More than this waiting to be sent means that nobody takes it any more. Milliseconds of audio. */
const MAX_BACKLOG_MS = 10_000;
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
  const { session, stallMs, toServiceError } = options;
  const { promise: ready, resolve: onReady, reject: onRefused } = Promise.withResolvers<void>();
  ready.catch(() => {});
  const asked = JSON.stringify(settings(options));
  const resampler = createResampler(session.sampleRate, SERVICE_RATE);
  const utterances = createOpenAiUtterances((text) => state !== 'over' && session.onFinal(text));
  let state: 'opening' | 'open' | 'over' = 'opening';
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let uncommittedMs = 0;
  let watch: { stop(): void } | undefined;

  const socket = openServiceSocket({
    url: options.url,
    headers: { authorization: `Bearer ${options.apiKey}` },
    typeField: 'type',
    toBody: (reason) => ({ error: { ...typeAndCode(reason), message: reason } }),
    onOpen: () => socket.send(asked),
    onMessage,
    onFailure: fail,
  });
  const onAbort = (): void => finish(() => socket.terminate());
  session.signal.addEventListener('abort', onAbort, { once: true });

  function start(): void {
    if (state !== 'opening') return;
    state = 'open';
    const maxBacklogBytes = MAX_BACKLOG_MS * BYTES_PER_MS * WIRE_BYTES_PER_BYTE;
    watch = watchSocket({ socket, stallMs, shortestMs: stallMs, maxBacklogBytes, onStall: fail, onBeat: watchOver });
    onReady();
  }

  function finish(hangUp: () => void): void {
    if (state === 'over') return;
    state = 'over';
    watch?.stop();
    session.signal.removeEventListener('abort', onAbort);
    pending = [];
    hangUp();
  }

  function fail(error: unknown): void {
    const before = state;
    finish(() => socket.terminate());
    if (before === 'opening') onRefused(error);
    else if (before === 'open') session.onError(toServiceError(error));
  }

  function onMessage(type: string, message: SocketMessage): void {
    if (state === 'over') return;
    const itemId = textOf(message.item_id);
    switch (type) {
      case 'session.updated':
        start();
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
        else fail(complaint(message));
        break;
      case 'error':
        if (saysNothingHeard(message)) utterances.nothing();
        else fail(complaint(message));
        break;
      default:
      // Progress that says nothing to us. Unknown messages are the future's.
    }
  }

  function flush(): void {
    if (pendingBytes === 0) return;
    socket.send(JSON.stringify({ type: 'input_audio_buffer.append', audio: Buffer.concat(pending).toString('base64') }));
    uncommittedMs += pendingBytes / BYTES_PER_MS;
    pending = [];
    pendingBytes = 0;
  }

  function commit(ours: boolean): void {
    flush();
    const silent = uncommittedMs < SHORTEST_COMMIT_MS;
    utterances.commit({ ours, silent });
    if (silent) return;
    socket.send(JSON.stringify({ type: 'input_audio_buffer.commit' }));
    uncommittedMs = 0;
  }

  function watchOver(now: number): void {
    const { waitingSince } = utterances;
    if (waitingSince !== undefined && now - waitingSince > stallMs) fail(fault('no-final-transcript', `none came within ${stallMs} ms`));
    else if (utterances.words === '' && uncommittedMs > COMMIT_SILENCE_MS) commit(true);
  }

  return {
    ready,
    session: {
      send(pcm) {
        if (state !== 'open') return;
        const audio = resampler.push(pcm);
        pending.push(audio);
        pendingBytes += audio.length;
        if (pendingBytes >= CHUNK_MS * BYTES_PER_MS) flush();
      },
      commit() {
        if (state === 'open') commit(false);
      },
      distrust: () => fail(fault('no-words', 'people spoke again and again, and not a word of it came back')),
      close: () => finish(() => socket.close()),
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
