import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { createReplayLog } from './replay-log.ts';
import type { SpeechToText, SpeechToTextOptions, SpeechToTextSession } from './speech-to-text.ts';

export interface ReconnectPolicy {
  /** From the first loss until reconnecting is given up, unless something became final in between. Milliseconds; a callee's patience. */
  patienceMs: number;
  /** Before the first reconnection; each further one waits twice as long. A half of every wait is at random. Milliseconds. */
  initialDelayMs: number;
  /** The longest wait, unless the service asks for a longer one. Milliseconds. */
  longestDelayMs: number;
  /** Sound in which nothing was understood yet is kept for so long: longer than it takes to notice a service that went quiet. Milliseconds. */
  soundMs: number;
  /** Sound of an utterance that is being understood is kept for so long; the conversation commits a longer one. Milliseconds. */
  utteranceMs: number;
  /** How many times faster than it was spoken the sound is sent again: a service may refuse more than it can follow. */
  replaySpeed: number;
  /** Whether a new session may help. Default: after what is transient or rate-limited. */
  isWorthIt: (error: ServiceError) => boolean;
}

export interface ReconnectingOptions extends Partial<ReconnectPolicy> {
  /**
   * Asked for every session after the first: the service behind its breaker, but one request a time, since the waits are ours. An error
   * whose code is `breaker-open` ends the reconnecting. Default: whoever is asked first.
   */
  reopen?: SpeechToText | undefined;
  /** A living session was lost, which no request tells the breaker. Not called for one that was merely over (its time limit, its silence). */
  onLost?: ((error: ServiceError) => void) | undefined;
  /** A session was replaced. @param loss what had ended it. @param afterMs since it ended. */
  onReconnected?: ((loss: ServiceError, afterMs: number) => void) | undefined;
}

const DEFAULT_POLICY: ReconnectPolicy = {
  patienceMs: 12_000,
  initialDelayMs: 250,
  longestDelayMs: 4_000,
  soundMs: 10_000,
  utteranceMs: 30_000,
  replaySpeed: 4,
  isWorthIt: ({ category }) => category === 'transient' || category === 'rate-limited',
};

/** The service took everything and understood nothing. A session like that wasn't well, however long it lasted. */
const NO_WORDS = 'no-words';
/** Nobody's fault: the session was over, by its length or because nobody spoke. */
const SESSION_OVER: readonly string[] = ['session_time_limit_exceeded', 'insufficient_audio_activity', 'session-idle'];
/** A session that lasted for so long was well, whatever ended it. Milliseconds. */
const STABLE_MS = 10_000;
/** A commit is taken for answered or never to be after so long; longer than a session waits itself. Milliseconds. */
const FORGOTTEN_MS = 8_000;
/** Replay goes in steps of so long. Milliseconds. */
const STEP_MS = 50;

/**
 * A session that outlives its connections. When one is lost, audio is kept, a new one is opened (exponential backoff, jitter) and told
 * everything that had not become final: the caller notices nothing but later words. The first connection is one request, like any other
 * service's: its failure is the caller's to see.
 */
export function createReconnectingSpeechToText(inner: SpeechToText, options: ReconnectingOptions = {}): SpeechToText {
  const { reopen = inner, onLost, onReconnected, ...given } = options;
  const policy = { ...DEFAULT_POLICY, ...given };
  return {
    async open(request) {
      const lasting = createLastingSession({ reopen, onLost, onReconnected, policy, request });
      try {
        await lasting.connect(inner, request.signal);
        return lasting.session;
      } catch (error) {
        lasting.session.close();
        throw error;
      }
    },
  };
}

interface LastingOptions extends Pick<ReconnectingOptions, 'onLost' | 'onReconnected'> {
  reopen: SpeechToText;
  policy: ReconnectPolicy;
  request: SpeechToTextOptions;
}

function createLastingSession({ reopen, onLost, onReconnected, policy, request }: LastingOptions) {
  const bytesPerMs = (request.sampleRate * 2) / 1000;
  const log = createReplayLog({ bytesPerMs, forgottenMs: FORGOTTEN_MS });
  /** Aborted when the session is over, whoever ended it. */
  const life = new AbortController();
  let living: { session: SpeechToTextSession | undefined; since: number } | undefined;
  let trouble: { since: number; failures: number } | undefined;
  let replay: NodeJS.Timeout | undefined;
  /** The latest interim transcript, and the one that was told before the session was lost. */
  let interim = '';
  let told = '';

  const isOver = () => life.signal.aborted || request.signal.aborted;
  const end = () => {
    clearInterval(replay);
    log.clear();
    living = undefined;
    life.abort();
  };
  request.signal.addEventListener('abort', end, { once: true, signal: life.signal });

  /** Rejects when no session can be had; `signal` is that session's, for as long as it lives. */
  async function connect(service: SpeechToText, signal: AbortSignal, avoid?: string): Promise<void> {
    const mine: NonNullable<typeof living> = { session: undefined, since: performance.now() };
    living = mine;
    const heard = (tell: (text: string) => void) => (text: string) => {
      if (living === mine) tell(text);
    };
    const session = await service.open({
      ...request,
      avoid,
      signal,
      onInterim: heard(onInterim),
      onFinal: heard(onFinal),
      onError(error) {
        if (living === mine) lose(error);
      },
    });
    // Closed, or lost again before anybody could know of it.
    if (living !== mine) return session.close();
    mine.session = session;
    mine.since = performance.now();
    startReplay();
  }

  function startReplay(): void {
    told = interim;
    replay = setInterval(() => sendOn(STEP_MS * policy.replaySpeed * bytesPerMs), STEP_MS);
    sendOn(0);
  }

  /** Sends what waits, at most so much and a little; and no longer little by little once nothing waits any more. */
  function sendOn(maxBytes: number): void {
    let bytes = 0;
    while (living?.session && !log.caughtUp && bytes <= maxBytes) {
      const entry = log.next();
      if (entry?.kind === 'audio') {
        bytes += entry.pcm.length;
        living.session.send(entry.pcm);
      } else living.session.commit();
    }
    if (!log.caughtUp) return;
    clearInterval(replay);
    replay = undefined;
  }

  function take(entry: Parameters<typeof log.push>[0]): void {
    if (isOver()) return;
    log.push(entry);
    log.trim(interim === '' ? policy.soundMs : policy.utteranceMs);
    if (replay === undefined) sendOn(Number.POSITIVE_INFINITY);
  }

  function onInterim(text: string): void {
    // A new session begins with the first word again, which the caller has long heard of.
    if (text.length < told.length) return;
    told = '';
    if (text !== '') interim = text;
    request.onInterim(text);
  }

  function onFinal(text: string): void {
    log.answered();
    interim = '';
    told = '';
    if (text !== '') trouble = undefined;
    request.onFinal(text);
  }

  function lose(error: ServiceError): void {
    const { session, since } = living ?? {};
    living = undefined;
    clearInterval(replay);
    replay = undefined;
    session?.close();
    log.rewind();
    if (since !== undefined && performance.now() - since > STABLE_MS && error.code !== NO_WORDS) trouble = undefined;
    void recover(error);
  }

  /** Never rejects. */
  async function recover(loss: ServiceError): Promise<void> {
    let error = loss;
    const lostAt = performance.now();
    const wasOver = SESSION_OVER.includes(loss.code);
    // A session that was over is replaced at once, unless the one before it just was, too.
    let atOnce = wasOver && trouble === undefined;
    trouble ??= { since: performance.now(), failures: 0 };
    const current = trouble;
    if (!wasOver) onLost?.(loss);
    while (!isOver()) {
      const waitMs = atOnce ? 0 : reconnectDelayMs(policy, current.failures++, error.retryAfterMs);
      const leftMs = current.since + policy.patienceMs - performance.now();
      if (!mayHelp(error) || waitMs >= leftMs) return giveUp(error);
      atOnce = false;
      try {
        await sleep(waitMs, life.signal);
        await connectWithin(leftMs - waitMs, loss.code === NO_WORDS ? loss.service : undefined);
        return onReconnected?.(loss, Math.round(performance.now() - lostAt));
      } catch (failure) {
        // Anything else is the end of patience, or of the call.
        if (failure instanceof ServiceError) error = failure;
      }
    }
  }

  function mayHelp(error: ServiceError): boolean {
    return error.code !== 'breaker-open' && (SESSION_OVER.includes(error.code) || policy.isWorthIt(error));
  }

  async function connectWithin(ms: number, avoid: string | undefined): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('the patience is spent')), ms);
    try {
      await connect(reopen, AbortSignal.any([life.signal, late.signal]), avoid);
    } finally {
      clearTimeout(timer);
    }
  }

  function giveUp(error: ServiceError): void {
    if (isOver()) return;
    end();
    request.onError(error);
  }

  const session: SpeechToTextSession = {
    send: (pcm) => take({ kind: 'audio', pcm }),
    commit: () => take({ kind: 'commit' }),
    distrust: () => living?.session?.distrust?.(),
    close() {
      living?.session?.close();
      end();
    },
  };
  return { connect, session };
}

/** A half is fixed and a half at random, so that calls that lost the service together don't come back together. */
export function reconnectDelayMs(
  { initialDelayMs, longestDelayMs }: Pick<ReconnectPolicy, 'initialDelayMs' | 'longestDelayMs'>,
  failures: number,
  retryAfterMs = 0,
): number {
  const longest = Math.min(longestDelayMs, initialDelayMs * 2 ** failures);
  return Math.max(retryAfterMs, (longest * (1 + Math.random())) / 2);
}
