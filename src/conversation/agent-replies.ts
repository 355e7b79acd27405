import { type AgentReply, createIncomingReply, type IncomingReply } from './agent-reply.ts';
import { whenAborted } from './when-aborted.ts';

/** The replies of a voice agent, one after the other: each comes when the agent likes, and waits for whoever wants it. */
export interface AgentReplies {
  /** The one that is coming in, if any. */
  readonly incoming: IncomingReply | undefined;
  /** It, or the next one: something of it has come. */
  receive(): IncomingReply;
  /** All of it has come. */
  end(): void;
  /** Nothing more of it will come. */
  breakOff(why: 'lost' | 'stopped'): void;
  /** Nobody wants more of this one. */
  forget(reply: AgentReply): void;
  /** No reply is there or comes any more. Returns that which nobody had taken. */
  drop(): AgentReply | undefined;
  /** Somebody waits for one. */
  readonly awaited: boolean;
  /** The one that nobody has taken yet. */
  take(): AgentReply | undefined;
  /** The next one. Rejects when the signal aborts. */
  next(signal: AbortSignal): Promise<AgentReply>;
  /** Nobody need wait for one any more. */
  fail(error: unknown): void;
  /** Whether another one begins soon enough. */
  begins(withinMs: number): Promise<boolean>;
}

export interface AgentRepliesOptions {
  onBegin: () => void;
  /** Milliseconds from the answer. */
  now: () => number;
}

export function createAgentReplies({ onBegin, now }: AgentRepliesOptions): AgentReplies {
  let incoming: IncomingReply | undefined;
  let ready: IncomingReply | undefined;
  let waiting: { give: (reply: AgentReply) => void; fail: (error: unknown) => void } | undefined;
  let following: ((begins: boolean) => void) | undefined;

  function breakOff(why: 'lost' | 'stopped'): void {
    incoming?.breakOff(why);
    incoming = undefined;
  }

  return {
    get incoming() {
      return incoming;
    },
    receive() {
      if (incoming && !incoming.over) return incoming;
      incoming = createIncomingReply(now);
      onBegin();
      if (waiting) waiting.give(incoming);
      else ready = incoming;
      following?.(true);
      return incoming;
    },
    end() {
      incoming?.end();
      incoming = undefined;
    },
    breakOff,
    forget(reply) {
      if (incoming === reply) incoming = undefined;
    },
    drop() {
      const dropped = ready;
      ready = undefined;
      breakOff('stopped');
      following?.(false);
      return dropped;
    },
    get awaited() {
      return waiting !== undefined;
    },
    take() {
      const taken = ready;
      ready = undefined;
      return taken;
    },
    async next(signal) {
      const { promise, resolve, reject } = Promise.withResolvers<AgentReply>();
      // What begins in the same moment is the next one's already.
      const once =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          waiting = undefined;
          settle(value);
        };
      waiting = { give: once(resolve), fail: once(reject) };
      const unlisten = whenAborted(signal, () => waiting?.fail(signal.reason));
      return promise.finally(unlisten);
    },
    fail: (error) => waiting?.fail(error),
    async begins(withinMs) {
      if (ready) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      following = resolve;
      const timer = setTimeout(() => resolve(false), withinMs);
      return promise.finally(() => {
        following = undefined;
        clearTimeout(timer);
      });
    },
  };
}
