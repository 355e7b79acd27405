import { localTime, unixTime } from './local-time.ts';
import type { Tool } from './tool.ts';

const MINUTE_MS = 60_000;
/** Sooner than this the call would still be going on. */
const SOONEST_MS = 5 * MINUTE_MS;
/** Who says "next year" means no. */
const LATEST_MS = 60 * 24 * 60 * MINUTE_MS;

export interface CallBackOptions {
  /** Where the person is. */
  timeZone: string;
  /** Unix milliseconds. */
  now: () => number;
  /** Gets Unix milliseconds. */
  onAgreed: (at: number) => void;
}

/** Has the person called again at a time of their own. */
export function createCallBack({ timeZone, now, onAgreed }: CallBackOptions): Tool {
  return {
    name: 'schedule_call_back',
    describe: () => ({
      description: `Has this person called again at a time that they named. Repeat the time to them and end the call afterwards. It is now ${localTime(now(), timeZone)} (${weekday(now(), timeZone)}) where the person is.`,
      parameters: {
        type: 'object',
        properties: { at: { type: 'string', description: "Date and time on the person's own clock, YYYY-MM-DDTHH:MM." } },
        required: ['at'],
        additionalProperties: false,
      },
    }),
    async run(args) {
      const read = readCallBack(args, timeZone, now());
      if ('mistake' in read) return { kind: 'mistake', why: read.mistake };
      onAgreed(read.at);
      return { kind: 'done', output: { callBackAt: localTime(read.at, timeZone) } };
    },
  };
}

/** Unix milliseconds of the time that the model wrote, or why it can't be. */
function readCallBack(args: Record<string, unknown>, timeZone: string, now: number): { at: number } | { mistake: string } {
  const at = typeof args.at === 'string' ? unixTime(args.at, timeZone) : undefined;
  if (at === undefined) return { mistake: '"at" must be a date and time, YYYY-MM-DDTHH:MM, e.g. 2030-05-17T15:30' };
  if (at < now + SOONEST_MS) return { mistake: `that is past or too soon: it is ${localTime(now, timeZone)} there now` };
  if (at > now + LATEST_MS) return { mistake: 'that is more than 60 days away' };
  return { at };
}

function weekday(now: number, timeZone: string): string {
  return new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'long' }).format(now);
}
