import type { Classify } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';
import { createRequestWatch } from './request-watch.ts';
import { openServiceSocket, type ServiceSocketOptions } from './service-socket.ts';
import { watchSocket } from './socket-watch.ts';

/** What a session knows of its service. */
export interface SessionOptions {
  url: URL;
  apiKey: string;
  /** Without a sign of life, or without what is due, for so long the session is lost. Milliseconds. */
  stallMs: number;
  toServiceError: (error: unknown) => ServiceError;
}

export interface ServiceSessionOptions extends Omit<SessionOptions, 'url' | 'apiKey'> {
  wire: Omit<ServiceSocketOptions, 'onFailure'>;
  /** Ends the session at once. */
  signal: AbortSignal;
  /** Of sound as it goes over the wire. */
  bytesPerMs: number;
  /** `send` is called when nothing was sent for so long. Milliseconds. */
  keepAlive?: { afterMs: number; send: () => void };
  /** Twice within the shortest of the times above. */
  onBeat?: (now: number) => void;
  /** Once, whoever ended it: here end its timers. */
  onEnd?: () => void;
  /** It was open and is lost. Called at most once. */
  onError: (error: ServiceError) => void;
}

/** One session over one websocket: opening, open, over. What is said in it is the business of whoever opened it. */
export interface ServiceSession {
  /** Rejects with whatever kept it from being opened. */
  readonly ready: Promise<void>;
  readonly isOpen: boolean;
  /** The service has said that it is set up; once is enough. */
  opened(): void;
  /** No-op before the handshake and after the end. */
  send(data: string | Buffer): void;
  fail(error: unknown): void;
  close(): void;
}

/** More than this waiting to be sent means that nobody takes it any more. Milliseconds of sound. */
const MAX_BACKLOG_MS = 10_000;

export function openServiceSession(options: ServiceSessionOptions): ServiceSession {
  const { wire, signal, stallMs, bytesPerMs, keepAlive, onBeat, onEnd, onError, toServiceError } = options;
  const { promise: ready, resolve: onReady, reject: onRefused } = Promise.withResolvers<void>();
  ready.catch(() => {});
  let state: 'opening' | 'open' | 'over' = 'opening';
  let lastSentAt = performance.now();
  let watch: { stop(): void } | undefined;

  const socket = openServiceSocket({ ...wire, onFailure: fail });
  const onAbort = (): void => finish(() => socket.terminate());
  signal.addEventListener('abort', onAbort, { once: true });

  function finish(hangUp: () => void): void {
    if (state === 'over') return;
    state = 'over';
    watch?.stop();
    signal.removeEventListener('abort', onAbort);
    onEnd?.();
    hangUp();
  }

  function fail(error: unknown): void {
    const before = state;
    finish(() => socket.terminate());
    if (before === 'opening') onRefused(error);
    else if (before === 'open') onError(toServiceError(error));
  }

  function beat(now: number): void {
    if (keepAlive && now - lastSentAt > keepAlive.afterMs) keepAlive.send();
    onBeat?.(now);
  }

  return {
    ready,
    get isOpen() {
      return state === 'open';
    },
    opened() {
      if (state !== 'opening') return;
      state = 'open';
      const limits = { stallMs, shortestMs: keepAlive?.afterMs ?? stallMs, maxBacklogBytes: MAX_BACKLOG_MS * bytesPerMs };
      watch = watchSocket({ socket, ...limits, onStall: fail, onBeat: beat });
      onReady();
    },
    send(data) {
      socket.send(data);
      lastSentAt = performance.now();
    },
    fail,
    close: () => finish(() => socket.close()),
  };
}

export interface OpenWithinOptions {
  signal: AbortSignal;
  /** Milliseconds. */
  deadlineMs: number;
  classify: Classify;
  operation: string;
}

/** Starts a session and waits until the service listens. Rejects with a ServiceError, or with the signal's reason. */
export async function openWithin<S extends { close(): void }>(
  start: (toServiceError: SessionOptions['toServiceError']) => { ready: Promise<void>; session: S },
  { signal, deadlineMs, classify, operation }: OpenWithinOptions,
): Promise<S> {
  signal.throwIfAborted();
  const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
  let started: ReturnType<typeof start> | undefined;
  try {
    started = start((error) => classify(error, operation));
    await watch.settle(started.ready);
    return started.session;
  } catch (error) {
    started?.session.close();
    signal.throwIfAborted();
    throw classify(error, operation);
  } finally {
    watch.dispose();
  }
}
