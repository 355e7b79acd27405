import type { LanguageModel, ModelRequest } from '../services/language-model.ts';
import { createQueue } from './queue.ts';
import { createSentenceCutter } from './sentences.ts';
import type { ToolCall } from './tools/tool.ts';

/** A model that writes more than this in one reply has lost its way. Some 100 s of speech. */
const MAX_REPLY_CHARACTERS = 1_500;
const MAX_TOOL_CALLS = 8;

/** One reply of the model, being written. */
export interface Reply {
  /** In order, as they are written. Ends early, without an error, when the signal aborts or the model fails. */
  readonly sentences: AsyncIterable<string>;
  /** The sentences written so far, spoken or not. */
  readonly written: readonly string[];
  /** Those written so far. */
  readonly toolCalls: readonly ToolCall[];
  /** Called for each tool call, those that are there already too; it may be long before the words beside it have been spoken. */
  onToolCall(listener: (call: ToolCall) => void): void;
  /** Milliseconds from the answer; undefined while there is no word. */
  readonly times: { askedMs: number; firstWordMs: number | undefined };
  /** Resolves when nothing more will come. */
  readonly done: Promise<{ toolCalls: ToolCall[]; error?: unknown }>;
}

export interface ReplyOptions {
  languageModel: LanguageModel;
  request: ModelRequest;
  language: string;
  signal: AbortSignal;
  /** Milliseconds from the answer. */
  now: () => number;
}

/** Starts the request, and reads ahead of the speaking, so that a tool call is known while the words before it are still heard. */
export function startReply({ languageModel, request, language, signal, now }: ReplyOptions): Reply {
  const enough = new AbortController();
  const written: string[] = [];
  const toolCalls: ToolCall[] = [];
  const listeners: ((call: ToolCall) => void)[] = [];
  const times: Reply['times'] & { firstWordMs: number | undefined } = { askedMs: now(), firstWordMs: undefined };
  const sentences = createQueue<string>();

  function write(whole: string[]): void {
    for (const sentence of whole) {
      written.push(sentence);
      sentences.push(sentence);
    }
  }

  async function read(): Promise<{ toolCalls: ToolCall[]; error?: unknown }> {
    const cutter = createSentenceCutter(language);
    let characters = 0;
    try {
      for await (const event of languageModel.respond(request, AbortSignal.any([signal, enough.signal]))) {
        if (signal.aborted) break;
        if (event.type === 'tool-call') {
          const call = { callId: event.callId, name: event.name, arguments: event.arguments };
          toolCalls.push(call);
          for (const listener of listeners) listener(call);
        } else if (event.type === 'text') {
          if (event.delta.trim() !== '') times.firstWordMs ??= now();
          characters += event.delta.length;
          write(cutter.push(event.delta.slice(0, MAX_REPLY_CHARACTERS)));
        }
        if (characters > MAX_REPLY_CHARACTERS || toolCalls.length >= MAX_TOOL_CALLS) break;
      }
      if (!signal.aborted) write(cutter.end());
      return { toolCalls };
    } catch (error) {
      return signal.aborted ? { toolCalls } : { toolCalls, error };
    } finally {
      enough.abort();
      sentences.close();
    }
  }

  const done = read();
  return {
    sentences: sentences.stream,
    written,
    toolCalls,
    onToolCall(listener) {
      for (const call of toolCalls) listener(call);
      listeners.push(listener);
    },
    times,
    done,
  };
}
