import { sayAgentReply } from './agent-turn.ts';
import { beginReply } from './begin-reply.ts';
import type { Deliver, Delivery } from './delivery.ts';
import type { Closing, DialogueContext } from './dialogue.ts';
import { isLoop } from './loops.ts';
import { plainWords } from './plain-words.ts';
import type { Reply } from './reply.ts';
import type { ToolClosing } from './tools/tool.ts';
import { useTools } from './use-tools.ts';

/** Replies with nothing in them, or with tool calls that can't be understood, are asked for again this often in one turn. */
const MAX_EMPTY_REPLIES = 1;
const MAX_MISTAKEN_REPLIES = 2;
/** Replies that only call tools. */
const MAX_WORDLESS_REPLIES = 4;
/** A voice agent that has spoken and then called a tool may go on by itself: so long that is waited for. Milliseconds. */
const FOLLOW_UP_MS = 2_500;

export interface TurnOptions {
  context: DialogueContext;
  deliver: Deliver;
  /** Sentences of the opening that are spoken first. */
  owed: string[];
}

export type TurnEnd = { kind: 'closing'; closing: Closing } | { kind: 'said'; delivery: Delivery; sentences: string[] };

/** A reply as far as it was heard, and what it wants done. */
export interface SaidReply {
  reply: Pick<Reply, 'written' | 'done'>;
  delivery: Delivery;
  sentences: string[];
}

/** One turn of the agent: the model's reply, spoken while it is written, and its tool calls. */
export async function takeTurn({ context, deliver, owed }: TurnOptions): Promise<TurnEnd> {
  let toSayFirst = owed;
  let empty = 0;
  let mistaken = 0;
  let wordless = 0;
  const { transcript, campaign } = context;
  if (isLoop(transcript.entries())) {
    const reason = 'the same exchange came again and again, as between two machines';
    return { kind: 'closing', closing: { disposition: 'completed', reason, words: [campaign.goodbye] } };
  }
  for (;;) {
    const { reply, delivery, sentences } = context.agent
      ? await sayAgentReply({ talk: context.agent, context, deliver, first: toSayFirst })
      : await sayReply(context, deliver, toSayFirst);
    if (delivery.cutOff) return { kind: 'said', delivery, sentences };
    const { toolCalls, error } = await reply.done;
    context.over.throwIfAborted();
    if (error !== undefined) throw error;

    const { written } = reply;
    if (toolCalls.length === 0) {
      if (written.length > 0) return { kind: 'said', delivery, sentences };
      if (++empty > MAX_EMPTY_REPLIES) return lost('the language model had nothing to say, twice', context);
      toSayFirst = [];
      continue;
    }
    const used = await useTools(toolCalls, {
      context,
      say: async (text) =>
        void (await deliver(
          () => [text],
          () => 'nothing',
        )),
      // What it wanted to bring home can still be mended, as long as the goodbye was not heard.
      mendBeforeEnding: written.length === 0 && mistaken < MAX_MISTAKEN_REPLIES,
    });
    if (used.closing) return { kind: 'closing', closing: closingOf(used.closing, written) };
    // Their words come first; where there turn out to be none, the model is asked again.
    if (used.bargedIn) return { kind: 'said', delivery: { ...delivery, cutOff: true }, sentences };
    if (used.mistaken && ++mistaken > MAX_MISTAKEN_REPLIES)
      return lost('the language model kept calling tools that can not be called', context);
    if (!used.mistaken && !used.owesWords && written.length > 0 && !(await context.agent?.goesOn(FOLLOW_UP_MS)))
      return { kind: 'said', delivery, sentences };
    if (!used.mistaken && ++wordless > MAX_WORDLESS_REPLIES) return lost('the language model kept calling tools and said nothing', context);
    toSayFirst = [];
  }
}

async function sayReply(context: DialogueContext, deliver: Deliver, first: string[]): Promise<SaidReply> {
  const { campaign, toolbox, onState, now } = context;
  let reply: Reply | undefined;
  onState('thinking');

  async function* speech(started: Reply): AsyncGenerator<string> {
    for await (const sentence of chain(first, started.sentences)) {
      // The call's length is limited, also in the middle of a reply.
      if (now() >= campaign.limits.maxCallMs) return;
      onState('speaking');
      yield sentence;
    }
  }

  const delivery = await deliver(
    (signal) => {
      reply = beginReply(context, first, signal);
      return speech(reply);
    },
    () => (reply?.toolCalls.some(({ name }) => toolbox.find(name)?.endsTalk) ? 'nothing' : 'sound'),
  );
  if (reply === undefined) throw new Error('the reply was never begun');
  if (first.length === 0) context.stopwatch.spoken({ ...reply.times, firstSoundMs: delivery.startedAtMs });
  return { reply, delivery, sentences: [...first, ...reply.written] };
}

async function* chain(first: string[], then: AsyncIterable<string>): AsyncGenerator<string> {
  yield* first;
  yield* then;
}

function closingOf({ disposition, reason, words, usual }: ToolClosing, written: readonly string[]): Closing {
  return { disposition, reason, words: lastWords(words, written, usual) };
}

/** The tool's words, unless the reply had said them already; `usual` when the model gave none at all. */
function lastWords(words: string | undefined, written: readonly string[], usual: string | undefined): string[] {
  if (words === undefined) return written.length > 0 || usual === undefined ? [] : [usual];
  const said = plainWords(written.join(' '));
  return said.endsWith(plainWords(words)) ? [] : [words];
}

function lost(reason: string, { campaign }: DialogueContext): TurnEnd {
  return { kind: 'closing', closing: { disposition: 'failed', reason, words: [campaign.goodbye] } };
}
