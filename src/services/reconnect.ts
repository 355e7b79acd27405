import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { mayHelp, type ReconnectPolicy, reconnectDelayMs, wasMerelyOver } from './reconnect-policy.ts';

export interface ReconnectListeners {
  /** A living session was lost, which no request tells the breaker. Not called for one that was merely over (its time limit, its silence). */
  onLost?: ((error: ServiceError) => void) | undefined;
  /** A session was replaced. @param loss what had ended it. @param afterMs since it ended. */
  onReconnected?: ((loss: ServiceError, afterMs: number) => void) | undefined;
}

/** What a new session is opened with. */
export interface Connecting {
  /** The session's, for as long as it lives. */
  signal: AbortSignal;
  /** What ended the one before; undefined for the first. */
  loss: ServiceError | undefined;
  /** Hears what this session says, while it is the living one. */
  whileLiving<T>(hear: (said: T) => void): (said: T) => void;
  onError: (error: ServiceError) => void;
}

export interface LastingOptions<S> extends ReconnectListeners {
  policy: ReconnectPolicy;
  /** The call's. */
  signal: AbortSignal;
  open: (connecting: Connecting) => Promise<S>;
  /** A session lives: it is to be told what its predecessors heard in vain. */
  onLiving: (session: S) => void;
  /** Here `allIsWell` may still be said of the session that was lost. */
  onLoss: (error: ServiceError, livedMs: number) => void;
  /** After a loss. */
  onRestored?: () => void;
  /** Nothing more will be sent or heard, whoever ended it. */
  onEnd: () => void;
  /** It is over and won't come back by itself. Called at most once. */
  onError: (error: ServiceError) => void;
}

/** What outlives its connections: when one is lost, a new one is opened, by exponential backoff with jitter. */
export interface Lasting<S> {
  /** Undefined while there is none. */
  readonly session: S | undefined;
  readonly isOver: boolean;
  /** The first connection is one request, like any other: its failure is the caller's to see. */
  start(): Promise<void>;
  /** The service does what it should: what happens next is a trouble of its own. */
  allIsWell(): void;
  close(): void;
}

export function createLasting<S extends { close(): void }>(options: LastingOptions<S>): Lasting<S> {
  const { policy, signal } = options;
  /** Aborted when it is over, whoever ended it. */
  const life = new AbortController();
  let living: { session: S | undefined; since: number } | undefined;
  let trouble: { since: number; failures: number } | undefined;

  const isOver = () => life.signal.aborted || signal.aborted;
  function end(): void {
    living = undefined;
    options.onEnd();
    life.abort();
  }
  signal.addEventListener('abort', end, { once: true, signal: life.signal });

  /** False when it was closed, or lost again, before anybody could know of it. Rejects when no session can be had. */
  async function connect(sessionSignal: AbortSignal, loss?: ServiceError): Promise<boolean> {
    const mine: NonNullable<typeof living> = { session: undefined, since: performance.now() };
    living = mine;
    const whileLiving: Connecting['whileLiving'] = (hear) => (said) => {
      if (living === mine) hear(said);
    };
    const session = await options.open({ signal: sessionSignal, loss, whileLiving, onError: whileLiving(lose) });
    if (living !== mine) {
      session.close();
      return false;
    }
    mine.session = session;
    mine.since = performance.now();
    options.onLiving(session);
    return true;
  }

  function lose(loss: ServiceError): void {
    const { session, since = 0 } = living ?? {};
    living = undefined;
    session?.close();
    options.onLoss(loss, performance.now() - since);
    void recover(loss);
  }

  /** Never rejects. */
  async function recover(loss: ServiceError): Promise<void> {
    const lostAt = performance.now();
    const wasOver = wasMerelyOver(loss);
    // A session that was over is replaced at once, unless the one before it just was, too.
    let atOnce = wasOver && trouble === undefined;
    trouble ??= { since: lostAt, failures: 0 };
    const current = trouble;
    let error = loss;
    if (!wasOver) options.onLost?.(loss);
    while (!isOver()) {
      const waitMs = atOnce ? 0 : reconnectDelayMs(policy, current.failures++, error.retryAfterMs);
      const leftMs = current.since + policy.patienceMs - performance.now();
      if (!mayHelp(error, policy) || waitMs >= leftMs) return giveUp(error);
      atOnce = false;
      try {
        await sleep(waitMs, life.signal);
        if (await connectWithin(leftMs - waitMs, loss)) {
          options.onReconnected?.(loss, Math.round(performance.now() - lostAt));
          options.onRestored?.();
        }
        return;
      } catch (failure) {
        // Anything else is the end of patience, or of the call.
        if (failure instanceof ServiceError) error = failure;
      }
    }
  }

  async function connectWithin(ms: number, loss: ServiceError): Promise<boolean> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('the patience is spent')), ms);
    try {
      return await connect(AbortSignal.any([life.signal, late.signal]), loss);
    } finally {
      clearTimeout(timer);
    }
  }

  function giveUp(error: ServiceError): void {
    if (isOver()) return;
    end();
    options.onError(error);
  }

  function close(): void {
    living?.session?.close();
    end();
  }

  return {
    get session() {
      return living?.session;
    },
    get isOver() {
      return isOver();
    },
    async start() {
      try {
        await connect(signal);
      } catch (error) {
        close();
        throw error;
      }
    },
    allIsWell() {
      trouble = undefined;
    },
    close,
  };
}
