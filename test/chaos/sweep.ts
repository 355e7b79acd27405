import { type Boundary, boundaryName } from './boundaries.ts';
import { type HistoryOptions, runHistory, type Signal, type Verdict } from './histories.ts';

export interface Plan {
  boundary: string;
  signal: Signal;
}

/** Boundaries where a worker waits for nothing: killing it there teaches nothing that the next one doesn't. */
const isOnItsWay = ({ side }: Boundary) => side === 'request';

/**
 * Every boundary with every signal that means something there: a kill and a freeze everywhere; a request that arrives late, and a
 * connection that is cut, where there is a request or an answer.
 */
export function planSweep(boundaries: readonly Boundary[], signals: readonly Signal[]): Plan[] {
  return signals.flatMap((signal) =>
    boundaries
      .filter((boundary) => {
        if (signal === 'kill-late') return isOnItsWay(boundary);
        return signal !== 'cut' || boundary.side !== 'event';
      })
      .map((boundary) => ({ boundary: boundaryName(boundary), signal })),
  );
}

export interface SweepOptions extends HistoryOptions {
  /** Histories at a time; each has two workers, a Redis and a world of its own. */
  lanes: number;
  onVerdict: (verdict: Verdict) => void;
  signal?: AbortSignal | undefined;
}

/** Plays every history of the plan. */
export async function sweep(plan: readonly Plan[], options: SweepOptions): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const left = [...plan];
  const lane = async () => {
    for (let next = left.shift(); next !== undefined && !options.signal?.aborted; next = left.shift()) {
      const verdict = await runHistory(next.boundary, next.signal, options);
      verdicts.push(verdict);
      options.onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return verdicts;
}
