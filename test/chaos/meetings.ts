import { sleep } from '../../src/sleep.ts';
import type { ChaosWorld } from './chaos-world.ts';

/** A callee and a colleague in one bridge, as Asterisk tells it. */
export interface Meeting {
  attempt: string;
  /** Unix milliseconds, within `LOOK_EVERY_MS`. */
  from: number;
  to: number;
}

const LOOK_EVERY_MS = 200;
const COLLEAGUE = /-colleague-(a[0-9a-f]{24})\./;
const CALLEE = /^[^-]+-(a[0-9a-f]{24})\./;

/** Who hears whom, and for how long. */
export interface Meetings {
  all(): Meeting[];
  /** Until `letEnd` they talk on; without it a colleague hangs up after 3 s. */
  goOn(): void;
  letEnd(): void;
  stop(): Promise<void>;
}

const TALK_MS = 3_000;

/** Looks, until stopped. */
export function watchMeetings(world: Pick<ChaosWorld, 'bridges' | 'dials' | 'colleagueHangsUp'>): Meetings {
  const stopping = new AbortController();
  const meetings = new Map<string, Meeting>();
  let mayEnd = true;
  const look = async () => {
    const bridges = await world.bridges();
    const now = Date.now();
    for (const { channels } of bridges) {
      const attempt = channels.map((id) => COLLEAGUE.exec(id)?.[1]).find((found) => found !== undefined);
      if (attempt === undefined || !channels.some((id) => CALLEE.exec(id)?.[1] === attempt)) continue;
      const { from } = meetings.get(attempt) ?? { from: now };
      meetings.set(attempt, { attempt, from, to: now });
      if (!mayEnd || now - from < TALK_MS) continue;
      // The last whom the attempt has rung.
      const rung = (await world.dials()).filter((dial) => dial.attempt === attempt).at(-1);
      if (rung !== undefined) world.colleagueHangsUp(rung.number);
    }
  };
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      // An Asterisk that is away tells nothing.
      await look().catch(() => undefined);
      await sleep(LOOK_EVERY_MS, stopping.signal).catch(() => undefined);
    }
  })();
  return {
    all: () => [...meetings.values()],
    goOn() {
      mayEnd = false;
    },
    letEnd() {
      mayEnd = true;
    },
    async stop() {
      stopping.abort();
      await looking;
    },
  };
}
