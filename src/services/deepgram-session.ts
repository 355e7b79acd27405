import { fault } from '../error-classification/classify.ts';
import { createAudioBatch, silence } from './audio-batch.ts';
import type { DeepgramDialect } from './deepgram-dialect.ts';
import { createDeepgramUtterances } from './deepgram-utterances.ts';
import { deepgramWire } from './deepgram-wire.ts';
import { openServiceSession, type SessionOptions } from './service-session.ts';
import type { SocketMessage } from './service-socket.ts';
import { noWords, type SpeechToTextOptions, type SpeechToTextSession } from './speech-to-text.ts';

export interface DeepgramSessionOptions extends SessionOptions {
  dialect: DeepgramDialect;
  session: SpeechToTextOptions;
  /** Milliseconds. */
  keepAliveMs: number;
  /** Milliseconds. */
  settleMs: number;
}

/** Sent together: four frames, as the service advises. A commit never waits for it. */
const PIECE_MS = 80;

/** Starts listening; `ready` resolves when the service does, and rejects with whatever was thrown. */
export function startDeepgramSession(options: DeepgramSessionOptions): { ready: Promise<void>; session: SpeechToTextSession } {
  const { url, apiKey, dialect, session, stallMs, keepAliveMs, settleMs, toServiceError } = options;
  const bytesPerMs = (session.sampleRate * 2) / 1000;
  const utterances = createDeepgramUtterances({ settleMs, onInterim: session.onInterim, onFinal: session.onFinal });
  let audioWasSent = false;

  const wire = openServiceSession({
    wire: { ...deepgramWire(url, apiKey), onOpen: () => dialect.greets || wire.opened(), onMessage },
    signal: session.signal,
    bytesPerMs,
    stallMs,
    keepAlive: { afterMs: keepAliveMs, send: keepAlive },
    onBeat: findStall,
    onEnd: utterances.stop,
    onError: session.onError,
    toServiceError,
  });
  const audio = createAudioBatch({ bytesPerMs, pieceMs: PIECE_MS, send });

  function onMessage(type: string, message: SocketMessage): void {
    const heard = dialect.read(type, message);
    switch (heard?.kind) {
      case undefined:
        break;
      case 'ready':
        wire.opened();
        break;
      case 'failure':
        wire.fail(heard.error);
        break;
      case 'interim':
        utterances.interim(heard.text);
        break;
      case 'segment':
        utterances.segment(heard.text, heard.answersCommit);
        break;
      default:
        heard satisfies never;
    }
  }

  function findStall(now: number): void {
    const { waitingSince } = utterances;
    if (waitingSince !== undefined && now - waitingSince > stallMs)
      wire.fail(fault('no-final-transcript', `none came within ${stallMs} ms`));
  }

  function send(pcm: Buffer): void {
    wire.send(pcm);
    audioWasSent = true;
  }

  function keepAlive(): void {
    // What waits to be sent is a sign of life, too, and must not come after the silence.
    if (audio.flush()) return;
    // The service wants to hear some audio first.
    if (dialect.keepAlive !== undefined && audioWasSent) wire.send(dialect.keepAlive);
    else send(silence(bytesPerMs, PIECE_MS));
  }

  return {
    ready: wire.ready,
    session: {
      send: (pcm) => wire.isOpen && audio.push(pcm),
      commit() {
        if (!wire.isOpen) return;
        audio.flush();
        wire.send(dialect.commit);
        utterances.commit();
      },
      distrust: () => wire.fail(noWords()),
      close: wire.close,
    },
  };
}
