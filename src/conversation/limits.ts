import type { Closing, DialogueContext } from './dialogue.ts';

/** A timer may fire a little before the clock says so. */
const TIMER_SLACK_MS = 20;

type LimitedContext = Pick<DialogueContext, 'campaign' | 'lines' | 'overBudget' | 'tally' | 'now'>;

/** The end of a talk that has taken its time, or cost what it may. */
export function limitReached(context: LimitedContext): Closing | undefined {
  const { maxCallMs } = context.campaign.limits;
  const isTimeUp = context.now() + TIMER_SLACK_MS >= maxCallMs;
  const reason = isTimeUp ? `the limit of ${Math.round(maxCallMs / 1000)} s was reached` : context.overBudget();
  return reason === undefined ? undefined : timeIsUp(reason, context);
}

/** The end of a talk of many turns, before the next one of ours. */
export function turnsUsedUp(context: LimitedContext): Closing | undefined {
  const { maxTurns } = context.campaign.limits;
  return context.tally.turns < maxTurns ? undefined : timeIsUp(`the limit of ${maxTurns} turns was reached`, context);
}

function timeIsUp(reason: string, { lines, campaign }: LimitedContext): Closing {
  return { disposition: 'completed', reason, words: [lines.timeIsUp, campaign.goodbye] };
}
