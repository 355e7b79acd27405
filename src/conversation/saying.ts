import { createDeliver, type Deliver, type Delivery } from './delivery.ts';
import type { Closing, DialogueContext } from './dialogue.ts';
import { unheardSentences } from './heard-text.ts';
import { turnsUsedUp } from './limits.ts';
import { splitSentences } from './sentences.ts';
import { takeTurn } from './turn.ts';

/** What is said in the opening's last moments is an answer; what was said before it a "Hello?". Milliseconds. */
const ANSWER_MS = 1_500;
/** What was unheard of the opening is said again this often. */
const MAX_OPENING_REPEATS = 2;

/** What a barge-in left open: to be said again when its words turn out to be none. */
interface CutOff {
  rest: string[];
  of: 'opening' | 'reply' | 'line';
  byGreeting: boolean;
}

/** Our side of a dialogue. */
export interface Saying {
  readonly context: DialogueContext;
  readonly deliver: Deliver;
  /** Undefined: what we said last was heard to its end. */
  cutOff: CutOff | undefined;
  /** When that was. Milliseconds from the answer. */
  endedAtMs: number;
  openingRepeats: number;
  /** So often in a row, up to now, nobody said anything to it. */
  silences: number;
}

export function beginSaying(context: DialogueContext): Saying {
  return { context, deliver: createDeliver(context), cutOff: undefined, endedAtMs: 0, openingRepeats: 0, silences: 0 };
}

/** Returns the callee's "Hello?": the opening itself has answered it. */
export async function sayOpening(saying: Saying): Promise<{ text: string; atMs: number } | undefined> {
  const { context, deliver } = saying;
  const { opening, campaign, ear, onState, now } = context;
  onState('speaking');
  const delivery = await deliver(
    () => [opening],
    () => 'opening',
  );
  noteEnd(saying, delivery, splitSentences(opening.text, campaign.language), 'opening');
  const saidMs = ear.halfHeard?.atMs ?? 0;
  return saying.cutOff === undefined && now() - saidMs > ANSWER_MS ? ear.takeWords() : undefined;
}

/** Says lines of ours; `of`: what they are a part of. */
export async function sayLines(sentences: string[], of: CutOff['of'], saying: Saying): Promise<void> {
  saying.context.onState('speaking');
  if (of === 'opening') saying.openingRepeats++;
  const delivery = await saying.deliver(
    () => sentences,
    () => 'sound',
  );
  noteEnd(saying, delivery, sentences, of);
}

/** Answers what the callee has said; somebody who greeted into our opening, or barged into it, hears the rest of it first. */
export async function answer(saying: Saying): Promise<Closing | undefined> {
  const { context, deliver, cutOff, openingRepeats } = saying;
  const owed = cutOff?.of === 'opening' && openingRepeats < MAX_OPENING_REPEATS ? cutOff.rest : [];
  if (owed.length > 0 && cutOff?.byGreeting) return void (await sayLines(owed, 'opening', saying));
  const closing = turnsUsedUp(context);
  if (closing) return closing;
  if (owed.length > 0) saying.openingRepeats++;
  context.tally.turns++;
  const turn = await takeTurn({ context, deliver, owed });
  if (turn.kind === 'closing') return turn.closing;
  const { delivery, sentences } = turn;
  const owesOpening = delivery.cutOff && unheardSentences(owed, delivery.text).length > 0;
  if (owesOpening) noteEnd(saying, delivery, owed, 'opening');
  else noteEnd(saying, delivery, sentences, 'reply');
  return undefined;
}

/** There was no word in it after all: what it cut off is said again, or thought again when nothing had been said. */
export async function resume({ rest, of }: CutOff, saying: Saying): Promise<Closing | undefined> {
  if (rest.length > 0) return void (await sayLines(rest, of, saying));
  saying.cutOff = undefined;
  if (of !== 'reply') return undefined;
  saying.context.tally.turns--;
  return answer(saying);
}

function noteEnd(saying: Saying, delivery: Delivery, sentences: readonly string[], of: CutOff['of']): void {
  saying.endedAtMs = saying.context.now();
  saying.cutOff = delivery.cutOff ? { rest: unheardSentences(sentences, delivery.text), of, byGreeting: delivery.byGreeting } : undefined;
}
