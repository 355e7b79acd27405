export type ModelMessage =
  | { role: 'user' | 'assistant' | 'system'; text: string }
  | { role: 'tool-call'; callId: string; name: string; arguments: string }
  | { role: 'tool-result'; callId: string; output: string };

export interface ModelTool {
  name: string;
  description: string;
  /** JSON schema of the arguments. */
  parameters: Record<string, unknown>;
}

export interface ModelRequest {
  instructions: string;
  messages: ModelMessage[];
  tools: ModelTool[];
}

export type ModelEvent =
  | { type: 'text'; delta: string }
  | { type: 'tool-call'; callId: string; name: string; arguments: string }
  /** What the service reckons for this reply; last, where it says so. */
  | { type: 'usage'; inputTokens: number; outputTokens: number };

export interface LanguageModel {
  /**
   * Streams one reply. The iteration ends normally only when the service said that the reply is complete;
   * a stream that stalls, breaks or ends early throws a ServiceError; an abort throws the signal's reason.
   */
  respond(request: ModelRequest, signal: AbortSignal): AsyncIterable<ModelEvent>;
}
