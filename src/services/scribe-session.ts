import { fault } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';
import { openScribeConnection } from './scribe-connection.ts';
import type { SocketMessage } from './service-socket.ts';
import { watchSocket } from './socket-watch.ts';
import type { SpeechToTextOptions, SpeechToTextSession } from './speech-to-text.ts';

export interface ScribeSessionOptions {
  url: URL;
  apiKey: string;
  session: SpeechToTextOptions;
  /** Milliseconds. */
  stallMs: number;
  /** Milliseconds. */
  keepAliveMs: number;
  toServiceError: (error: unknown) => ServiceError;
}

/** Sent together: five frames. The service advises 0.1 to 1 s; a commit never waits for it. */
const CHUNK_MS = 100;
/** The service refuses chunks that are too large. */
const MAX_CHUNK_MS = 1_000;
/** The service commits by itself at 90 s and advises 20 to 30 s. */
const COMMIT_SILENCE_MS = 30_000;
/** More than this waiting to be sent means that nobody takes it any more. Milliseconds of audio. */
const MAX_BACKLOG_MS = 10_000;
/**
 * The documentation doesn't promise an answer to a commit of nothing but noise. When words were heard, one unanswered
 * commit is enough to know that the service is stuck.
 */
const MAX_UNANSWERED = 2;
/** In base64. */
const WIRE_BYTES_PER_BYTE = 4 / 3;

/** What the server complains of without ending the session. */
const HARMLESS = new Set(['commit_throttled']);

/** Starts listening; `ready` resolves when the service says that it is, and rejects with whatever was thrown. */
export function startScribeSession(options: ScribeSessionOptions): { ready: Promise<void>; session: SpeechToTextSession } {
  const { session, stallMs, keepAliveMs, toServiceError } = options;
  const bytesPerMs = (session.sampleRate * 2) / 1000;
  const { promise: ready, resolve: onReady, reject: onRefused } = Promise.withResolvers<void>();
  ready.catch(() => {});
  let state: 'opening' | 'open' | 'over' = 'opening';
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let uncommittedMs = 0;
  let said = false;
  let lastSentAt = performance.now();
  /** Commits that have not been answered, oldest first; `ours` ones only keep the service's buffer short. */
  const commits: { ours: boolean; at: number }[] = [];

  const connection = openScribeConnection({ url: options.url, apiKey: options.apiKey, onMessage, onFailure: fail });
  const { socket } = connection;
  let watch: { stop(): void } | undefined;
  let unanswered = 0;
  const onAbort = (): void => finish(() => socket.terminate());
  session.signal.addEventListener('abort', onAbort, { once: true });

  function finish(hangUp: () => void): void {
    if (state === 'over') return;
    state = 'over';
    watch?.stop();
    session.signal.removeEventListener('abort', onAbort);
    pending = [];
    hangUp();
  }

  function fail(error: unknown): void {
    const wasOpening = state === 'opening';
    const wasOver = state === 'over';
    finish(() => socket.terminate());
    if (wasOpening) onRefused(error);
    else if (!wasOver) session.onError(toServiceError(error));
  }

  function onMessage(type: string, message: SocketMessage): void {
    if (state === 'over') return;
    switch (type) {
      case 'session_started':
        // A second one would be the service's odd joke.
        if (state === 'open') break;
        state = 'open';
        watch = watchSocket({
          socket,
          stallMs,
          shortestMs: keepAliveMs,
          maxBacklogBytes: MAX_BACKLOG_MS * bytesPerMs * WIRE_BYTES_PER_BYTE,
          onStall: fail,
          onBeat: watchOver,
        });
        flush();
        onReady();
        break;
      // A final transcript of a segment is still not committed: more of the utterance may follow.
      case 'partial_transcript':
      case 'final_transcript':
        said ||= textOf(message) !== '';
        unanswered = 0;
        session.onInterim(textOf(message));
        break;
      case 'committed_transcript':
        onCommitted(textOf(message));
        break;
      default:
        if ('error' in message) onComplaint(type, message);
    }
  }

  function onCommitted(text: string): void {
    const commit = commits.shift();
    said = false;
    unanswered = 0;
    // Nobody asked for the silence that we commit ourselves. An empty answer to the caller's commit is an answer.
    if (text !== '' || commit?.ours === false) session.onFinal(text);
  }

  function onComplaint(type: string, message: SocketMessage): void {
    // There was too little to make final: that is an answer, too.
    if (HARMLESS.has(type)) {
      onCommitted('');
      return;
    }
    // A complaint that no table knows is the service's fault, as a plain `error` is.
    const complaint = fault(type, 'the service ended the session', fault('scribe_error', 'an error message'));
    fail(Object.assign(complaint, { body: { detail: { message: message.error } } }));
  }

  function send(pcm: Buffer, commit: boolean): void {
    connection.send({ pcm, commit, sampleRate: session.sampleRate });
    lastSentAt = performance.now();
    uncommittedMs = commit ? 0 : uncommittedMs + pcm.length / bytesPerMs;
  }

  function flush(): void {
    const audio = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    const step = MAX_CHUNK_MS * bytesPerMs;
    for (let at = 0; at < audio.length; at += step) send(audio.subarray(at, at + step), false);
  }

  function commit(ours: boolean): void {
    flush();
    commits.push({ ours, at: performance.now() });
    send(Buffer.alloc(0), true);
  }

  /** A commit that is not answered. */
  function findStall(now: number): Error | undefined {
    const [oldest] = commits;
    if (oldest === undefined || now - oldest.at <= stallMs) return undefined;
    commits.shift();
    if (!oldest.ours) unanswered++;
    return said || unanswered >= MAX_UNANSWERED ? fault('no-final-transcript', `none came within ${stallMs} ms`) : undefined;
  }

  function watchOver(now: number): void {
    const stall = findStall(now);
    if (stall) {
      fail(stall);
      return;
    }
    // What waits to be sent is a sign of life, too, and must not come after the silence.
    if (now - lastSentAt > keepAliveMs && pendingBytes > 0) flush();
    else if (now - lastSentAt > keepAliveMs) send(Buffer.alloc(2 * Math.round((CHUNK_MS * bytesPerMs) / 2)), false);
    if (!said && uncommittedMs > COMMIT_SILENCE_MS) commit(true);
  }

  return {
    ready,
    session: {
      send(pcm) {
        if (state === 'over') return;
        pending.push(pcm);
        pendingBytes += pcm.length;
        if (state === 'open' && pendingBytes >= CHUNK_MS * bytesPerMs) flush();
      },
      commit() {
        if (state === 'open') commit(false);
      },
      distrust: () => fail(fault('no-words', 'people spoke again and again, and not a word of it came back')),
      close: () => finish(() => socket.close()),
    },
  };
}

function textOf(message: SocketMessage): string {
  return typeof message.text === 'string' ? message.text.trim() : '';
}
