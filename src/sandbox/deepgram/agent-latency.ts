import type { Json } from './listen-socket.ts';

/** What the service measures of one reply after the other; in seconds, as it tells it. */
export interface AgentLatency {
  /** The user has finished, or a function has answered. */
  asked(): void;
  thought(reply: { text: boolean; toolCall: boolean }): void;
  /** The first of the sound, or some more of it. */
  sounded(): void;
  stop(): void;
}

/** A reply that is only a function call is reported at once, one with words at its first sound; one that never sounds isn't. */
export function createAgentLatency(say: (message: Json) => void): AgentLatency {
  let askedAt: number | undefined;
  let thoughtAt: number | undefined;
  let tokens: Json = {};

  function report(spoken: Json): void {
    say({ type: 'LatencyReport', ...tokens, ...spoken });
    stop();
  }

  function stop(): void {
    askedAt = undefined;
    thoughtAt = undefined;
  }

  return {
    asked() {
      askedAt = performance.now();
    },
    thought({ text, toolCall }) {
      if (askedAt === undefined) return;
      const seconds = secondsSince(askedAt);
      thoughtAt = performance.now();
      tokens = { ttt_token_latency: seconds, ...(text && { ttt_text_latency: seconds }), ...(toolCall && { ttt_tool_latency: seconds }) };
      if (!text) report({});
    },
    sounded() {
      if (askedAt !== undefined && thoughtAt !== undefined)
        report({ tts_latency: secondsSince(thoughtAt), total_latency: secondsSince(askedAt) });
    },
    stop,
  };
}

function secondsSince(at: number): number {
  return (performance.now() - at) / 1_000;
}
