import { fault } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';
import type { DeepgramDialect } from './deepgram-dialect.ts';
import { openServiceSocket, type SocketMessage } from './service-socket.ts';
import { watchSocket } from './socket-watch.ts';
import type { SpeechToTextOptions, SpeechToTextSession } from './speech-to-text.ts';

export interface DeepgramSessionOptions {
  url: URL;
  apiKey: string;
  dialect: DeepgramDialect;
  session: SpeechToTextOptions;
  /** Milliseconds. */
  stallMs: number;
  /** Milliseconds. */
  keepAliveMs: number;
  /** Milliseconds. */
  settleMs: number;
  toServiceError: (error: unknown) => ServiceError;
}

/** Sent together: four frames, as the service advises. A commit never waits for it. */
const CHUNK_MS = 80;
/** More than this waiting to be sent means that nobody takes it any more. Milliseconds of audio. */
const MAX_BACKLOG_MS = 10_000;

/** Starts listening; `ready` resolves when the service does, and rejects with whatever was thrown. */
export function startDeepgramSession(options: DeepgramSessionOptions): { ready: Promise<void>; session: SpeechToTextSession } {
  const { dialect, session, stallMs, keepAliveMs, settleMs, toServiceError } = options;
  const bytesPerMs = (session.sampleRate * 2) / 1000;
  const { promise: ready, resolve: onReady, reject: onRefused } = Promise.withResolvers<void>();
  ready.catch(() => {});
  let state: 'opening' | 'open' | 'over' = 'opening';
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let audioWasSent = false;
  let lastSentAt = performance.now();
  /** Final, but not asked for yet. */
  let segments: string[] = [];
  /** What follows them and may change. */
  let interim = '';
  /** Commits that have not been answered, oldest first. */
  const commits: { at: number; timer: NodeJS.Timeout }[] = [];
  let watch: { stop(): void } | undefined;

  const socket = openServiceSocket({
    url: options.url,
    headers: { authorization: `Token ${options.apiKey}` },
    typeField: 'type',
    toBody: (reason) => ({ err_code: /^[A-Z]+-\d{4}/.exec(reason)?.[0], err_msg: reason }),
    onOpen: () => dialect.greets || start(),
    onMessage,
    onFailure: fail,
  });
  const onAbort = (): void => finish(() => socket.terminate());
  session.signal.addEventListener('abort', onAbort, { once: true });

  function start(): void {
    if (state !== 'opening') return;
    state = 'open';
    const maxBacklogBytes = MAX_BACKLOG_MS * bytesPerMs;
    watch = watchSocket({ socket, stallMs, shortestMs: keepAliveMs, maxBacklogBytes, onStall: fail, onBeat: watchOver });
    flush();
    onReady();
  }

  function finish(hangUp: () => void): void {
    if (state === 'over') return;
    state = 'over';
    watch?.stop();
    for (const { timer } of commits) clearTimeout(timer);
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
    const heard = dialect.read(type, message);
    switch (heard?.kind) {
      case undefined:
        break;
      case 'ready':
        start();
        break;
      case 'failure':
        fail(heard.error);
        break;
      case 'interim':
        interim = heard.text;
        if (interim !== '') session.onInterim(words());
        break;
      case 'segment':
        interim = '';
        if (heard.text !== '') segments.push(heard.text);
        if (isAnswer(heard.answersCommit)) answer();
        else if (heard.text !== '') session.onInterim(words());
        break;
      default:
        heard satisfies never;
    }
  }

  function words(): string {
    return [...segments, interim].filter(Boolean).join(' ');
  }

  /** Words that were waited for beyond the time to settle are an answer, too: the service had made them final before it was asked. */
  function isAnswer(saysSo: boolean): boolean {
    const [oldest] = commits;
    return oldest !== undefined && (saysSo || performance.now() - oldest.at > settleMs);
  }

  function answer(): void {
    clearTimeout(commits.shift()?.timer);
    const text = segments.join(' ');
    segments = [];
    session.onFinal(text);
  }

  function send(data: string | Buffer): void {
    socket.send(data);
    lastSentAt = performance.now();
    audioWasSent ||= typeof data !== 'string';
  }

  function flush(): void {
    const audio = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    const step = CHUNK_MS * bytesPerMs;
    // The service takes an empty message for a goodbye; there is none in here.
    for (let at = 0; at < audio.length; at += step) send(audio.subarray(at, at + step));
  }

  function watchOver(now: number): void {
    const [oldest] = commits;
    if (oldest && now - oldest.at > stallMs) fail(fault('no-final-transcript', `none came within ${stallMs} ms`));
    else if (now - lastSentAt > keepAliveMs) keepAlive();
  }

  function keepAlive(): void {
    // What waits to be sent is a sign of life, too, and must not come after the silence.
    if (pendingBytes > 0) flush();
    // The service wants to hear some audio first.
    else if (dialect.keepAlive !== undefined && audioWasSent) send(dialect.keepAlive);
    else send(Buffer.alloc(2 * Math.round((CHUNK_MS * bytesPerMs) / 2)));
  }

  /** Neither dialect answers when there is nothing to make final. Words that are heard but not final yet are waited for. */
  function settle(): void {
    if (interim === '' && commits.length > 0) answer();
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
      distrust: () => fail(fault('no-words', 'people spoke again and again, and not a word of it came back')),
      commit() {
        if (state !== 'open') return;
        flush();
        send(dialect.commit);
        commits.push({ at: performance.now(), timer: setTimeout(settle, settleMs) });
      },
      close: () => finish(() => socket.close()),
    },
  };
}
