import type { ModelTool } from '../../services/language-model.ts';
import { localTime, unixTime } from './local-time.ts';

export const SCHEDULE_CALL_BACK = 'schedule_call_back';

const MINUTE_MS = 60_000;
/** Sooner than this the call would still be going on. */
const SOONEST_MS = 5 * MINUTE_MS;
/** Who says "next year" means no. */
const LATEST_MS = 60 * 24 * 60 * MINUTE_MS;

/** @param now Unix milliseconds */
export function callBackTool(timeZone: string, now: number): ModelTool {
  return {
    name: SCHEDULE_CALL_BACK,
    description: `Has this person called again at a time that they named. Repeat the time to them and end the call afterwards. It is now ${localTime(now, timeZone)} (${weekday(now, timeZone)}) where the person is.`,
    parameters: {
      type: 'object',
      properties: { at: { type: 'string', description: "Date and time on the person's own clock, YYYY-MM-DDTHH:MM." } },
      required: ['at'],
      additionalProperties: false,
    },
  };
}

/** Unix milliseconds of the time that the model wrote, or why it can't be. */
export function readCallBack(args: Record<string, unknown>, timeZone: string, now: number): { at: number } | { mistakes: string[] } {
  const at = typeof args.at === 'string' ? unixTime(args.at, timeZone) : undefined;
  if (at === undefined) return { mistakes: ['"at" must be a date and time, YYYY-MM-DDTHH:MM, e.g. 2030-05-17T15:30'] };
  if (at < now + SOONEST_MS) return { mistakes: [`that is past or too soon: it is ${localTime(now, timeZone)} there now`] };
  if (at > now + LATEST_MS) return { mistakes: ['that is more than 60 days away'] };
  return { at };
}

function weekday(now: number, timeZone: string): string {
  return new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'long' }).format(now);
}
