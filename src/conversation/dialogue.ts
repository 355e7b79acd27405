import type { Campaign } from '../call/campaign.ts';
import type { Disposition } from '../call/outcome.ts';
import type { LanguageModel } from '../services/language-model.ts';
import type { AgentTalk } from './agent-talk.ts';
import type { CalleeTurn } from './callee-turns.ts';
import type { EarlyReplies } from './early-reply.ts';
import type { Stopwatch } from './latency.ts';
import { limitReached } from './limits.ts';
import type { Lines } from './lines.ts';
import type { Ear } from './listening.ts';
import { isOptOut } from './opt-out-phrases.ts';
import { OPTED_OUT } from './opt-out-wish.ts';
import type { Patience } from './patience.ts';
import type { ReadyLine } from './ready-lines.ts';
import { answer, beginSaying, resume, type Saying, sayLines, sayOpening } from './saying.ts';
import type { Voice } from './speaking.ts';
import type { Toolbox } from './tools/toolbox.ts';
import type { Transcript } from './transcript.ts';

/** The callee says nothing for so long: we ask whether they are there. */
const SILENCE_MS = 8_000;

export type ConversationState = 'speaking' | 'listening' | 'thinking' | 'ending';

/** How the conversation is to end, and what is to be heard before. */
export interface Closing {
  disposition: Extract<Disposition, 'completed' | 'opted-out' | 'transferred' | 'silent' | 'interrupted' | 'failed'>;
  reason: string;
  words: string[];
}

export interface DialogueContext {
  campaign: Pick<Campaign, 'language' | 'goodbye' | 'limits' | 'ivr'>;
  lines: Lines;
  opening: ReadyLine;
  ear: Ear;
  voice: Voice;
  transcript: Transcript;
  patience: Patience;
  toolbox: Toolbox;
  earlyReplies: EarlyReplies;
  stopwatch: Stopwatch;
  languageModel: LanguageModel;
  /** Thinks and speaks instead of the language model. */
  agent?: AgentTalk | undefined;
  instructions: string;
  onState: (state: ConversationState) => void;
  /** The callee asks never to be called again: told at the word, before anything else is done. */
  onOptOut: () => void;
  /** Why no more may be spent on this call; undefined while something may. */
  overBudget: () => string | undefined;
  /** The agent's replies so far, the opening not counted. */
  tally: { turns: number };
  /** Milliseconds from the answer. */
  now: () => number;
  /** Aborts when the call is over, or we have to leave it. */
  over: AbortSignal;
  /** Aborts when we can't hear any more. Lets us finish what we are saying. */
  deaf: AbortSignal;
}

/** The conversation itself: opening, then turn by turn until somebody has a reason to end it. Throws when a service fails, or the call is over. */
export async function holdDialogue(context: DialogueContext): Promise<Closing> {
  const { ear, earlyReplies, tally, over, deaf, onState, now } = context;
  // Went deaf while it rang: there is no use in beginning.
  deaf.throwIfAborted();
  const signal = AbortSignal.any([over, deaf]);
  const saying = beginSaying(context);
  const hello = await sayOpening(saying);
  let closing = hello && heard(hello, context);
  while (closing === undefined) {
    onState('listening');
    const untilMs = Math.min(saying.endedAtMs + SILENCE_MS, context.campaign.limits.maxCallMs);
    // Before the first reply it may well be a machine that speaks.
    if (tally.turns > 0) earlyReplies.listen();
    closing = await respond(await ear.turn({ silenceMs: Math.max(0, untilMs - now()), signal }), saying);
    earlyReplies.drop();
  }
  return closing;
}

async function respond(turn: CalleeTurn, saying: Saying): Promise<Closing | undefined> {
  const { context } = saying;
  if (turn.kind === 'said') {
    saying.silences = 0;
    context.stopwatch.turnEnded(turn.ending);
    return heard(turn, context) ?? limitReached(context) ?? answer(saying);
  }
  const limit = limitReached(context);
  if (limit) return limit;
  if (saying.cutOff) return resume(saying.cutOff, saying);
  return turn.kind === 'silent' ? askWhetherThere(saying) : undefined;
}

/** Takes down what the callee said. */
function heard(said: { text: string; atMs: number }, { transcript, lines, onOptOut }: DialogueContext): Closing | undefined {
  transcript.callee(said);
  if (!isOptOut(said.text)) return undefined;
  onOptOut();
  return { ...OPTED_OUT, words: [lines.optedOut] };
}

async function askWhetherThere(saying: Saying): Promise<Closing | undefined> {
  const { lines, transcript } = saying.context;
  const line = lines.stillThere[saying.silences++];
  if (line !== undefined) return void (await sayLines([line], 'line', saying));
  const words = [lines.nobodyThere];
  const everSpoke = transcript.entries().some(({ speaker }) => speaker === 'callee');
  if (everSpoke) return { disposition: 'completed', reason: 'the callee fell silent', words };
  return { disposition: 'silent', reason: 'the callee never said anything', words };
}
