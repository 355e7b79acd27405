import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import { reconnectDelayMs } from './reconnecting-speech-to-text.ts';
import type { AgentEvent, VoiceAgent, VoiceAgentRequest, VoiceAgentSession } from './voice-agent.ts';

export interface AgentReconnectPolicy {
  /** From the first loss until reconnecting is given up, unless the agent spoke in between. Milliseconds; a callee's patience. */
  patienceMs: number;
  /** Before the first reconnection; each further one waits twice as long. A half of every wait is at random. Milliseconds. */
  initialDelayMs: number;
  /** The longest wait, unless the service asks for a longer one. Milliseconds. */
  longestDelayMs: number;
  /** What the callee said of a turn that the agent had not understood yet is kept for so long. Milliseconds. */
  soundMs: number;
}

export interface ReconnectingAgentOptions extends Partial<AgentReconnectPolicy> {
  /** Asked for every session after the first: the service behind its breaker, one request a time. Its `breaker-open` ends the reconnecting. */
  reopen?: VoiceAgent | undefined;
  /** A living session was lost, which no request tells the breaker. Not called for one that was merely over. */
  onLost?: ((error: ServiceError) => void) | undefined;
  /** @param loss what had ended the session before. @param afterMs since it ended. */
  onReconnected?: ((loss: ServiceError, afterMs: number) => void) | undefined;
}

const DEFAULT_POLICY: AgentReconnectPolicy = { patienceMs: 12_000, initialDelayMs: 250, longestDelayMs: 4_000, soundMs: 10_000 };
/** Nobody's fault: the session was over, by its length, its silence, or because its server was stopped. */
const SESSION_OVER: readonly string[] = ['session-idle', 'session-over'];

/**
 * A voice agent that outlives its connections. When one is lost, a new one is set up (exponential backoff, jitter) with the history of the
 * talk, and hears again what the callee was saying. What it was saying itself is gone: whoever waits for it is told (`lost`, `restored`).
 */
export function createReconnectingVoiceAgent(inner: VoiceAgent, options: ReconnectingAgentOptions = {}): VoiceAgent {
  return {
    async open(request) {
      const lasting = createLastingAgent(inner, request, options);
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

function createLastingAgent(inner: VoiceAgent, request: VoiceAgentRequest, options: ReconnectingAgentOptions) {
  const { reopen = inner, onLost, onReconnected, ...given } = options;
  const policy = { ...DEFAULT_POLICY, ...given };
  /** Aborted when the session is over, whoever ended it. */
  const life = new AbortController();
  const unheard = createSoundRing((policy.soundMs * request.sampleRate * 2) / 1000);
  let living: { session: VoiceAgentSession | undefined } | undefined;
  let trouble: { since: number; failures: number } | undefined;

  const isOver = () => life.signal.aborted || request.signal.aborted;
  const end = () => {
    living = undefined;
    unheard.clear();
    life.abort();
  };
  request.signal.addEventListener('abort', end, { once: true, signal: life.signal });

  /** Rejects when no session can be had; `signal` is that session's, for as long as it lives. */
  async function connect(service: VoiceAgent, signal: AbortSignal): Promise<void> {
    const mine: NonNullable<typeof living> = { session: undefined };
    living = mine;
    const session = await service.open({
      ...request,
      signal,
      onEvent: (event) => living === mine && onEvent(event),
      onError: (error) => living === mine && lose(error),
    });
    // Closed, or lost again before anybody could know of it.
    if (living !== mine) return session.close();
    mine.session = session;
    for (const pcm of unheard.sound()) session.hear(pcm);
  }

  function onEvent(event: AgentEvent): void {
    if (event.kind === 'callee-said') unheard.clear();
    if (event.kind === 'sound') trouble = undefined;
    request.onEvent(event);
  }

  function lose(error: ServiceError): void {
    living = undefined;
    request.onEvent({ kind: 'lost', error });
    void recover(error);
  }

  /** Never rejects. */
  async function recover(loss: ServiceError): Promise<void> {
    const lostAt = performance.now();
    const wasOver = SESSION_OVER.includes(loss.code);
    let error = loss;
    let atOnce = wasOver && trouble === undefined;
    trouble ??= { since: lostAt, failures: 0 };
    const current = trouble;
    if (!wasOver) onLost?.(loss);
    while (!isOver()) {
      const waitMs = atOnce ? 0 : reconnectDelayMs(policy, current.failures++, error.retryAfterMs);
      const leftMs = current.since + policy.patienceMs - performance.now();
      if (!mayHelp(error) || waitMs >= leftMs) return giveUp(error);
      atOnce = false;
      try {
        await sleep(waitMs, life.signal);
        await connectWithin(leftMs - waitMs);
        onReconnected?.(loss, Math.round(performance.now() - lostAt));
        return request.onEvent({ kind: 'restored' });
      } catch (failure) {
        // Anything else is the end of patience, or of the call.
        if (failure instanceof ServiceError) error = failure;
      }
    }
  }

  async function connectWithin(ms: number): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('the patience is spent')), ms);
    try {
      await connect(reopen, AbortSignal.any([life.signal, late.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  function giveUp(error: ServiceError): void {
    if (isOver()) return;
    end();
    request.onError(error);
  }

  const session: VoiceAgentSession = {
    hear(pcm) {
      if (isOver()) return;
      unheard.push(pcm);
      living?.session?.hear(pcm);
    },
    say: (text, when) => living?.session?.say(text, when),
    ask: (text) => living?.session?.ask(text),
    answerToolCall: (call, output) => living?.session?.answerToolCall(call, output),
    briefAnew: () => living?.session?.briefAnew(),
    giveUpOn: (code, message) => living?.session?.giveUpOn(code, message),
    close() {
      living?.session?.close();
      end();
    },
  };
  return { connect, session };
}

function mayHelp({ code, category }: ServiceError): boolean {
  return code !== 'breaker-open' && (SESSION_OVER.includes(code) || category === 'transient' || category === 'rate-limited');
}

/** The latest sound, so many bytes of it. */
function createSoundRing(maxBytes: number) {
  let pieces: Buffer[] = [];
  let bytes = 0;
  return {
    push(pcm: Buffer): void {
      pieces.push(pcm);
      bytes += pcm.length;
      while (bytes > maxBytes) bytes -= pieces.shift()?.length ?? 0;
    },
    sound: (): readonly Buffer[] => pieces,
    clear(): void {
      pieces = [];
      bytes = 0;
    },
  };
}
