import { fault } from '../error-classification/classify.ts';
import { createAudioBatch, silence } from './audio-batch.ts';
import { openServiceSession, type SessionOptions } from './service-session.ts';
import type { SocketMessage } from './service-socket.ts';
import { noWords, type SpeechToTextOptions, type SpeechToTextSession } from './speech-to-text.ts';

export interface ScribeSessionOptions extends SessionOptions {
  session: SpeechToTextOptions;
  /** Milliseconds. */
  keepAliveMs: number;
}

/** Sent together: five frames. The service advises 0.1 to 1 s; a commit never waits for it. */
const PIECE_MS = 100;
/** The service refuses pieces that are too large. */
const LARGEST_PIECE_MS = 1_000;
/** The service commits by itself at 90 s and advises 20 to 30 s. */
const COMMIT_SILENCE_MS = 30_000;
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
  const { url, apiKey, session, stallMs, keepAliveMs, toServiceError } = options;
  const bytesPerMs = (session.sampleRate * 2) / 1000;
  let uncommittedMs = 0;
  let said = false;
  /** Commits that have not been answered, oldest first; `ours` ones only keep the service's buffer short. */
  const commits: { ours: boolean; at: number }[] = [];
  let unanswered = 0;

  const wire = openServiceSession({
    wire: {
      url,
      headers: { 'xi-api-key': apiKey },
      typeField: 'message_type',
      toBody: (message) => ({ detail: { message } }),
      onMessage,
    },
    signal: session.signal,
    bytesPerMs: bytesPerMs * WIRE_BYTES_PER_BYTE,
    stallMs,
    // What waits to be sent is a sign of life, too, and must not come after the silence.
    keepAlive: { afterMs: keepAliveMs, send: () => audio.flush() || send(silence(bytesPerMs, PIECE_MS)) },
    onBeat: watchOver,
    onError: session.onError,
    toServiceError,
  });
  const audio = createAudioBatch({ bytesPerMs, pieceMs: PIECE_MS, largestMs: LARGEST_PIECE_MS, send });

  function onMessage(type: string, message: SocketMessage): void {
    switch (type) {
      case 'session_started':
        wire.opened();
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
    wire.fail(Object.assign(complaint, { body: { detail: { message: message.error } } }));
  }

  function send(pcm: Buffer, commit = false): void {
    const audio_base_64 = pcm.toString('base64');
    wire.send(JSON.stringify({ message_type: 'input_audio_chunk', audio_base_64, commit, sample_rate: session.sampleRate }));
    uncommittedMs = commit ? 0 : uncommittedMs + pcm.length / bytesPerMs;
  }

  function commit(ours: boolean): void {
    audio.flush();
    commits.push({ ours, at: performance.now() });
    send(Buffer.alloc(0), true);
  }

  function watchOver(now: number): void {
    if (isStuck(now)) wire.fail(fault('no-final-transcript', `none came within ${stallMs} ms`));
    else if (!said && uncommittedMs > COMMIT_SILENCE_MS) commit(true);
  }

  /** By a commit that is not answered. */
  function isStuck(now: number): boolean {
    const [oldest] = commits;
    if (oldest === undefined || now - oldest.at <= stallMs) return false;
    commits.shift();
    if (!oldest.ours) unanswered++;
    return said || unanswered >= MAX_UNANSWERED;
  }

  return {
    ready: wire.ready,
    session: {
      send: (pcm) => wire.isOpen && audio.push(pcm),
      commit: () => wire.isOpen && commit(false),
      distrust: () => wire.fail(noWords()),
      close: wire.close,
    },
  };
}

function textOf(message: SocketMessage): string {
  return typeof message.text === 'string' ? message.text.trim() : '';
}
