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

/** Looks, until stopped, who hears whom. */
export function watchMeetings(world: Pick<ChaosWorld, 'bridges'>): { meetings(): Meeting[]; stop(): Promise<void> } {
  const stopping = new AbortController();
  const meetings = new Map<string, Meeting>();
  const look = async () => {
    const bridges = await world.bridges();
    const now = Date.now();
    for (const { channels } of bridges) {
      const attempt = channels.map((id) => COLLEAGUE.exec(id)?.[1]).find((found) => found !== undefined);
      if (attempt === undefined || !channels.some((id) => CALLEE.exec(id)?.[1] === attempt)) continue;
      meetings.set(attempt, { attempt, from: meetings.get(attempt)?.from ?? now, to: now });
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
    meetings: () => [...meetings.values()],
    async stop() {
      stopping.abort();
      await looking;
    },
  };
}
