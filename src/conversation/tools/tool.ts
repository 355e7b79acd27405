import type { Disposition } from '../../call/outcome.ts';
import type { ModelTool } from '../../services/language-model.ts';

/** A tool call as the model wrote it. */
export interface ToolCall {
  callId: string;
  name: string;
  /** JSON, or what the model takes for it. */
  arguments: string;
}

export interface ToolContext {
  /** Aborts when the call is over, and for an abortable tool when the callee barges in. */
  signal: AbortSignal;
  /** Speaks to the callee, to the end, before the tool goes on. */
  say(text: string): Promise<void>;
}

/** The talk ends: with these words, or with the usual ones when the model wrote none at all. */
export interface ToolClosing {
  kind: 'closing';
  disposition: Extract<Disposition, 'completed' | 'opted-out' | 'transferred'>;
  /** For a human. */
  reason: string;
  words: string | undefined;
  usual: string | undefined;
}

export type ToolResult =
  /** Done, and this is what the model is told of it. */
  | { kind: 'done'; output: object }
  /** The call made no sense; told to the model, so that it can do better. Nothing was done. */
  | { kind: 'mistake'; why: string }
  /** It made sense and did not work; told to the model, which goes on without it. */
  | { kind: 'failed'; why: string }
  | ToolClosing;

/** Something that the model can do besides talking. */
export interface Tool {
  readonly name: string;
  /** What the model is told of it. Asked for at each reply: one of them tells the time. */
  describe(): Omit<ModelTool, 'name'>;
  /** It may end the talk, so what is said before it is heard to its end. */
  readonly endsTalk?: boolean;
  /** Nothing is lost when it is left undone: a barge-in ends it. */
  readonly abortable?: boolean;
  /** The words beside it announce it, and what comes of it is for the next reply. */
  readonly wantsReply?: boolean;
  /** While it runs the callee hears somebody else, or music: nobody waits for our words. */
  readonly calleeElsewhere?: boolean;
  /** Arguments come from outside: whatever doesn't fit is a mistake. A ServiceError that it throws is told to the model as a failure. */
  run(args: Record<string, unknown>, context: ToolContext): Promise<ToolResult>;
}
