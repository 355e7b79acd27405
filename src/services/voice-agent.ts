import type { ServiceError } from '../errors.ts';
import type { ModelMessage, ModelTool } from './language-model.ts';

export interface AgentToolCall {
  callId: string;
  name: string;
  /** JSON, or what the model takes for it. */
  arguments: string;
}

export interface AgentLatency {
  /** Until the first word was thought. */
  thinkMs?: number | undefined;
  /** From there to the first sound. */
  speakMs?: number | undefined;
  totalMs?: number | undefined;
}

/** What a voice agent tells while it listens, thinks and speaks. */
export type AgentEvent =
  /** The callee begins to speak: whatever the agent was saying is dropped by the service. */
  | { kind: 'callee-speaks' }
  /** A whole turn of the callee. A reply follows. */
  | { kind: 'callee-said'; text: string }
  /** What the sound that follows says. */
  | { kind: 'words'; text: string }
  /** PCM, signed 16-bit little-endian, mono, at the session's rate; it comes faster than it is spoken. */
  | { kind: 'sound'; pcm: Buffer }
  /** All of what is being said has been sent. */
  | { kind: 'said' }
  | { kind: 'tool-calls'; calls: AgentToolCall[] }
  /** The reply that wanted these tool calls was given up: they are not to be answered. */
  | { kind: 'tool-calls-cancelled'; callIds: string[] }
  /** What the service itself measured of a reply, from the end of the callee's turn. Milliseconds. */
  | ({ kind: 'latency' } & AgentLatency)
  /** Something that doesn't end the session. For the log. */
  | { kind: 'warning'; code: string; detail: string }
  /** The connection is gone, and with it the rest of what was being said or thought; another one is being made. */
  | { kind: 'lost'; error: ServiceError }
  /** It is made, and knows what was said so far. Nobody has asked it for a reply yet. */
  | { kind: 'restored' };

export interface VoiceAgentRequest {
  /** Of the PCM in both directions. Hertz. */
  sampleRate: number;
  /** BCP 47. */
  language: string;
  /** The campaign's voice, where the agent speaks by it. */
  voice: string;
  /** Read at every connection: the latest count. */
  brief: () => AgentBrief;
  /** What was said so far, read at every connection. */
  history: () => readonly ModelMessage[];
  onEvent: (event: AgentEvent) => void;
  /** The session is over and won't come back by itself. Called at most once. */
  onError: (error: ServiceError) => void;
  /** Ends the session at once. */
  signal: AbortSignal;
}

/** What the agent is told before everything else. */
export interface AgentBrief {
  instructions: string;
  tools: readonly ModelTool[];
}

/** No method throws; after the end they are no-ops. */
export interface VoiceAgentSession {
  /** The callee's voice: one frame or more. */
  hear(pcm: Buffer): void;
  /** Has these words spoken at once, instead of whatever the agent is saying or waiting for; or after that. */
  say(text: string, when?: 'instead' | 'after'): void;
  /** Has the agent reply to this as if the callee had said it. */
  ask(text: string): void;
  answerToolCall(call: Pick<AgentToolCall, 'callId' | 'name'>, output: string): void;
  /** Has the brief read again. */
  briefAnew(): void;
  /** The agent doesn't do what it should: the connection counts as lost. */
  giveUpOn(code: string, message: string): void;
  close(): void;
}

/** One service that listens, thinks and speaks. */
export interface VoiceAgent {
  /** Resolves when the service is set up and listening; rejects with a ServiceError. */
  open(request: VoiceAgentRequest): Promise<VoiceAgentSession>;
}
