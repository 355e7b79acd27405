import type { TranscriptEntry } from '../call/outcome.ts';
import type { ModelMessage } from '../services/language-model.ts';
import { bargedInNote } from './instructions.ts';
import type { ToolCall } from './tools/tool.ts';

/** What was said, for humans, and the same as the model remembers it. Times count from the answer. */
export interface Transcript {
  /** What was heard of the agent; not empty. */
  agent(said: { text: string; atMs: number; bargedIn: boolean }): void;
  callee(said: { text: string; atMs: number }): void;
  /** The callee's "mhm" while we went on: for humans; the model has nothing to answer. */
  aside(said: { text: string; atMs: number }): void;
  tool(call: ToolCall, output: string): void;
  /** In the order in which it was said. */
  entries(): TranscriptEntry[];
  messages(): ModelMessage[];
}

interface Item {
  atMs: number;
  entry?: TranscriptEntry;
  messages: ModelMessage[];
}

export interface TranscriptListeners {
  onEntry?: ((entry: TranscriptEntry) => void) | undefined;
  onTool?: ((call: ToolCall, output: string) => void) | undefined;
}

/** @param now Milliseconds from the answer. */
export function createTranscript(now: () => number, { onEntry, onTool }: TranscriptListeners = {}): Transcript {
  const items: Item[] = [];

  function add(item: Item): void {
    // What the agent said is known when it was heard, what the callee said when it was understood: either may come late.
    const after = items.findLastIndex((other) => other.atMs <= item.atMs);
    items.splice(after + 1, 0, item);
    if (item.entry) onEntry?.(item.entry);
  }

  return {
    agent({ text, atMs, bargedIn }) {
      const note: ModelMessage[] = bargedIn ? [{ role: 'system', text: bargedInNote(text) }] : [];
      const entry: TranscriptEntry = { speaker: 'agent', text, atMs: Math.round(atMs), ...(bargedIn && { bargedIn: true }) };
      add({ atMs, entry, messages: [{ role: 'assistant', text }, ...note] });
    },
    callee({ text, atMs }) {
      add({ atMs, entry: { speaker: 'callee', text, atMs: Math.round(atMs) }, messages: [{ role: 'user', text }] });
    },
    aside({ text, atMs }) {
      add({ atMs, entry: { speaker: 'callee', text, atMs: Math.round(atMs) }, messages: [] });
    },
    tool(call, output) {
      const { callId, name, arguments: json } = call;
      add({
        atMs: now(),
        messages: [
          { role: 'tool-call', callId, name, arguments: json },
          { role: 'tool-result', callId, output },
        ],
      });
      onTool?.(call, output);
    },
    entries: () => items.flatMap(({ entry }) => (entry ? [entry] : [])),
    messages: () => items.flatMap(({ messages }) => messages),
  };
}
