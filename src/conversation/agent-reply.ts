import { createQueue } from './queue.ts';
import { createTimer } from './timer.ts';
import type { ToolCall } from './tools/tool.ts';

/** A tool call may come before the words that were written ahead of it: so long they are waited for. Milliseconds. */
const WORDS_MAY_FOLLOW_MS = 300;
/** A service that cuts a reply short doesn't always say so: without anything more for so long it is over. Milliseconds. */
const QUIET_MS = 3_000;

/** A piece of the agent's reply: what it says, and its sound, as it comes. */
export interface LiveLine {
  /** Complete when the first of the sound comes. */
  readonly text: string;
  readonly sound: AsyncIterable<Buffer>;
  /** Its sound ended before its words did. */
  readonly brokenOff: boolean;
}

/** One reply of a voice agent, as it comes. */
export interface AgentReply {
  /** In order. Ends with the reply, however that ends. */
  readonly lines: AsyncIterable<LiveLine>;
  readonly written: readonly string[];
  readonly toolCalls: readonly ToolCall[];
  /** The rest of it never came: the connection was lost, or the service stopped, for it took a sound of the callee for a wish to speak. */
  readonly cutShort: 'lost' | 'stopped' | undefined;
  /** Milliseconds from the answer; undefined while there is no word. */
  readonly firstWordMs: number | undefined;
}

export interface IncomingReply extends AgentReply {
  /** Whatever comes now belongs to another one. */
  readonly over: boolean;
  addWords(text: string): void;
  addSound(pcm: Buffer): void;
  addToolCalls(calls: readonly ToolCall[]): void;
  cancelToolCalls(callIds: readonly string[]): void;
  /** All of it is there. */
  end(): void;
  /** Nothing more of it will come. */
  breakOff(why: 'lost' | 'stopped'): void;
}

interface IncomingLine {
  text: string;
  sound: ReadableStream<Buffer>;
  write(pcm: Buffer): void;
  close(): void;
  sounding: boolean;
  brokenOff: boolean;
}

/** @param now milliseconds from the answer */
export function createIncomingReply(now: () => number): IncomingReply {
  const lines = createQueue<LiveLine>();
  const written: IncomingLine[] = [];
  const timer = createTimer();
  let toolCalls: ToolCall[] = [];
  let over = false;
  let cutShort: AgentReply['cutShort'];
  let firstWordMs: number | undefined;

  function newLine(text: string): IncomingLine {
    const sound = createQueue<Buffer>();
    const line = { text, sound: sound.stream, write: sound.push, close: sound.close, sounding: false, brokenOff: false };
    written.at(-1)?.close();
    written.push(line);
    lines.push(line);
    return line;
  }

  function end(): void {
    if (over) return;
    over = true;
    timer.stop();
    written.at(-1)?.close();
    lines.close();
  }

  function breakOff(why: 'lost' | 'stopped'): void {
    if (over) return;
    cutShort = why;
    const last = written.at(-1);
    if (last) last.brokenOff = true;
    end();
  }

  return {
    lines: lines.stream,
    get written() {
      return written.map(({ text }) => text);
    },
    get toolCalls() {
      return toolCalls;
    },
    get over() {
      return over;
    },
    get cutShort() {
      return cutShort;
    },
    get firstWordMs() {
      return firstWordMs;
    },
    addWords(text) {
      if (over) return;
      timer.start(QUIET_MS, end);
      firstWordMs ??= now();
      const last = written.at(-1);
      // Words that come one after another, before any sound, are of one piece; so is sound that came before its words.
      if (last !== undefined && (!last.sounding || last.text === '')) last.text = `${last.text} ${text}`.trim();
      else newLine(text);
    },
    addSound(pcm) {
      if (over) return;
      timer.start(QUIET_MS, end);
      const line = written.at(-1) ?? newLine('');
      line.sounding = true;
      line.write(pcm);
    },
    addToolCalls(calls) {
      if (over) return;
      toolCalls.push(...calls);
      if (written.length === 0) timer.start(WORDS_MAY_FOLLOW_MS, end);
    },
    cancelToolCalls(callIds) {
      toolCalls = toolCalls.filter(({ callId }) => !callIds.includes(callId));
    },
    end,
    breakOff,
  };
}
