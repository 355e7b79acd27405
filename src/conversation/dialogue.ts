import type { Campaign } from '../call/campaign.ts';
import type { Disposition } from '../call/outcome.ts';
import type { LanguageModel } from '../services/language-model.ts';
import type { AgentTalk } from './agent-talk.ts';
import type { BargeInPolicy } from './barge-in.ts';
import type { CalleeTurn } from './callee-turns.ts';
import { createDeliver, type Delivery } from './delivery.ts';
import type { EarlyReplies } from './early-reply.ts';
import { unheardSentences } from './heard-text.ts';
import type { Stopwatch } from './latency.ts';
import type { Lines } from './lines.ts';
import type { Ear } from './listening.ts';
import { isOptOut } from './opt-out-phrases.ts';
import type { Patience } from './patience.ts';
import type { ReadyLine } from './ready-lines.ts';
import { splitSentences } from './sentences.ts';
import type { Voice } from './speaking.ts';
import type { Toolbox } from './tools/toolbox.ts';
import type { Transcript } from './transcript.ts';
import { takeTurn } from './turn.ts';

/** The callee says nothing for so long: we ask whether they are there. */
const SILENCE_MS = 8_000;
/** What is said in the opening's last moments is an answer; what was said before it a "Hello?". Milliseconds. */
const ANSWER_MS = 1_500;
/** What was unheard of the opening is said again this often. */
const MAX_OPENING_REPEATS = 2;
/** A timer may fire a little before the clock says so. */
const TIMER_SLACK_MS = 20;

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

/** What a barge-in left open: to be said again when its words turn out to be none. */
interface CutOff {
  rest: string[];
  of: 'opening' | 'reply' | 'line';
  byGreeting: boolean;
}

/** The conversation itself: opening, then turn by turn until somebody has a reason to end it. */
export async function holdDialogue(context: DialogueContext): Promise<Closing> {
  const { campaign, lines, opening, ear, transcript, over, deaf, now, onState, tally } = context;
  const { maxCallMs, maxTurns } = campaign.limits;
  const deliver = createDeliver(context);
  const listening = AbortSignal.any([over, deaf]);
  let cutOff: CutOff | undefined;
  let openingRepeats = 0;
  let silences = 0;
  let quietSinceMs = 0;

  const policy = (): BargeInPolicy => 'sound';
  const timeIsUp = (reason: string): Closing => ({ disposition: 'completed', reason, words: [lines.timeIsUp, campaign.goodbye] });

  function afterSaying(delivery: Delivery, sentences: readonly string[], of: CutOff['of']): void {
    quietSinceMs = now();
    cutOff = delivery.cutOff ? { rest: unheardSentences(sentences, delivery.text), of, byGreeting: delivery.byGreeting } : undefined;
  }

  async function sayOpening(): Promise<Closing | undefined> {
    onState('speaking');
    const delivery = await deliver(
      () => [opening],
      () => 'opening',
    );
    afterSaying(delivery, splitSentences(opening.text, campaign.language), 'opening');
    // Their "Hello?" is answered by the opening itself.
    const saidMs = ear.halfHeard?.atMs ?? 0;
    const hello = cutOff === undefined && now() - saidMs > ANSWER_MS ? ear.takeWords() : undefined;
    return hello && heard(hello);
  }

  async function sayLines(sentences: string[], of: CutOff['of']): Promise<void> {
    onState('speaking');
    if (of === 'opening') openingRepeats++;
    afterSaying(await deliver(() => sentences, policy), sentences, of);
  }

  /** Takes down what the callee said. */
  function heard({ text, atMs }: { text: string; atMs: number }): Closing | undefined {
    silences = 0;
    transcript.callee({ text, atMs });
    if (!isOptOut(text)) return undefined;
    context.onOptOut();
    return { disposition: 'opted-out', reason: 'the callee asked not to be called again', words: [lines.optedOut] };
  }

  async function answer(): Promise<Closing | undefined> {
    const owed = cutOff?.of === 'opening' && openingRepeats < MAX_OPENING_REPEATS ? cutOff.rest : [];
    if (owed.length > 0 && cutOff?.byGreeting) return void (await sayLines(owed, 'opening'));
    if (tally.turns >= maxTurns) return timeIsUp(`the limit of ${maxTurns} turns was reached`);
    if (owed.length > 0) openingRepeats++;
    tally.turns++;
    const turn = await takeTurn({ context, deliver, policy, owed });
    if (turn.kind === 'closing') return turn.closing;
    const repeatsOpening = owed.length > 0 && turn.delivery.cutOff && unheardSentences(owed, turn.delivery.text).length > 0;
    if (repeatsOpening) afterSaying(turn.delivery, owed, 'opening');
    else afterSaying(turn.delivery, turn.sentences, 'reply');
    return undefined;
  }

  /** There was no word in it after all: what it cut off is said again, or thought again when nothing had been said. */
  async function resume({ rest, of }: CutOff): Promise<Closing | undefined> {
    if (rest.length > 0) return void (await sayLines(rest, of));
    cutOff = undefined;
    if (of !== 'reply') return undefined;
    tally.turns--;
    return answer();
  }

  async function nobodySpeaks(): Promise<Closing | undefined> {
    const line = lines.stillThere[silences];
    silences++;
    if (line !== undefined) return void (await sayLines([line], 'line'));
    const everSpoke = transcript.entries().some(({ speaker }) => speaker === 'callee');
    return {
      disposition: everSpoke ? 'completed' : 'silent',
      reason: everSpoke ? 'the callee fell silent' : 'the callee never said anything',
      words: [lines.nobodyThere],
    };
  }

  function next(turn: CalleeTurn): Closing | undefined | Promise<Closing | undefined> {
    if (turn.kind === 'said') context.stopwatch.turnEnded(turn.ending);
    if (turn.kind === 'said') return heard(turn) ?? limitReached() ?? answer();
    const over = limitReached();
    if (over) return over;
    if (cutOff) return resume(cutOff);
    return turn.kind === 'silent' ? nobodySpeaks() : undefined;
  }

  const isTimeUp = () => now() + TIMER_SLACK_MS >= maxCallMs;

  function limitReached(): Closing | undefined {
    const reason = isTimeUp() ? `the limit of ${Math.round(maxCallMs / 1000)} s was reached` : context.overBudget();
    return reason === undefined ? undefined : timeIsUp(reason);
  }

  // Went deaf while it rang: there is no use in beginning.
  deaf.throwIfAborted();
  let closing = await sayOpening();
  while (closing === undefined) {
    onState('listening');
    const silenceMs = Math.max(0, Math.min(quietSinceMs + SILENCE_MS, maxCallMs) - now());
    // Before the first reply it may well be a machine that speaks.
    if (tally.turns > 0) context.earlyReplies.listen();
    closing = await next(await ear.turn({ silenceMs, signal: listening }));
    context.earlyReplies.drop();
  }
  return closing;
}
