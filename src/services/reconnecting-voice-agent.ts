import { createLasting, type ReconnectListeners } from './reconnect.ts';
import { DEFAULT_RECONNECT_POLICY, type ReconnectPolicy } from './reconnect-policy.ts';
import type { AgentEvent, VoiceAgent, VoiceAgentRequest, VoiceAgentSession } from './voice-agent.ts';

export interface ReconnectingAgentOptions extends Partial<ReconnectPolicy>, ReconnectListeners {
  /** Asked for every session after the first: the service behind its breaker, one request a time. Its `breaker-open` ends the reconnecting. */
  reopen?: VoiceAgent | undefined;
}

/** What the callee said of a turn that the agent had not understood yet is kept for so long. Milliseconds. */
const SOUND_MS = 10_000;

/**
 * A voice agent that outlives its connections. When one is lost, a new one is set up with the history of the talk, and hears again what
 * the callee was saying. What it was saying itself is gone: whoever waits for it is told (`lost`, `restored`).
 */
export function createReconnectingVoiceAgent(inner: VoiceAgent, options: ReconnectingAgentOptions = {}): VoiceAgent {
  return {
    async open(request) {
      const { start, session } = createLastingAgent(inner, request, options);
      await start();
      return session;
    },
  };
}

function createLastingAgent(inner: VoiceAgent, request: VoiceAgentRequest, options: ReconnectingAgentOptions) {
  const { reopen = inner, onLost, onReconnected, ...given } = options;
  const unheard = createSoundRing((SOUND_MS * request.sampleRate * 2) / 1000);

  const lasting = createLasting<VoiceAgentSession>({
    ...{ policy: { ...DEFAULT_RECONNECT_POLICY, ...given }, signal: request.signal, onLost, onReconnected, onError: request.onError },
    open: ({ loss, whileLiving, ...connecting }) =>
      (loss ? reopen : inner).open({ ...request, ...connecting, onEvent: whileLiving(onEvent) }),
    onLiving: (session) => {
      for (const pcm of unheard.sound()) session.hear(pcm);
    },
    onLoss: (error) => request.onEvent({ kind: 'lost', error }),
    onRestored: () => request.onEvent({ kind: 'restored' }),
    onEnd: unheard.clear,
  });

  function onEvent(event: AgentEvent): void {
    if (event.kind === 'callee-said') unheard.clear();
    if (event.kind === 'sound') lasting.allIsWell();
    request.onEvent(event);
  }

  const session: VoiceAgentSession = {
    hear(pcm) {
      if (lasting.isOver) return;
      unheard.push(pcm);
      lasting.session?.hear(pcm);
    },
    say: (text, when) => lasting.session?.say(text, when),
    ask: (text) => lasting.session?.ask(text),
    answerToolCall: (call, output) => lasting.session?.answerToolCall(call, output),
    briefAnew: () => lasting.session?.briefAnew(),
    giveUpOn: (code, message) => lasting.session?.giveUpOn(code, message),
    close: lasting.close,
  };
  return { start: lasting.start, session };
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
