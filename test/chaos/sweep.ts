import { type Boundary, boundaryName, FIRST_CALL, onlyOnFirstCall } from './boundaries.ts';
import {
  type HistoryOptions,
  logsOf,
  openStage,
  type Plan,
  playHistory,
  recordCall,
  runHistory,
  type Signal,
  type Stage,
  type Verdict,
  warmUp,
} from './histories.ts';
import { check, type Violation } from './sightings.ts';

/** Numbers the boundaries of a call: those of every call, and those that only a first one meets. */
export async function recordBoundaries(options: HistoryOptions): Promise<{ boundaries: Boundary[]; violations: Violation[] }> {
  const stage = await openStage(options);
  try {
    const cold = await recordCall(stage);
    const violations = check(await stage.run.sightings());
    await warmUp(stage);
    const whole = await recordCall(stage);
    const warm = options.story === 'transfer' ? fromTransferOn(whole) : whole;
    violations.push(...check(await stage.run.sightings()));
    if (violations.length > 0) options.onLogs?.(await logsOf(stage.run));
    return { boundaries: [...warm, ...(warm === whole ? onlyOnFirstCall(cold, warm) : [])], violations };
  } finally {
    await stage.run.close();
  }
}

/** The way to the colleague begins with the leg over which they are told who is on the line. What comes before is a call like any other. */
function fromTransferOn(boundaries: readonly Boundary[]): Boundary[] {
  const secondLeg = boundaries.findIndex(({ what, nth }) => what.endsWith('externalMedia') && nth === 2);
  return secondLeg < 0 ? [] : boundaries.slice(secondLeg);
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
  /** Histories at a time; each lane has a world, a Redis and workers of its own. */
  lanes: number;
  onVerdict: (verdict: Verdict) => void;
}

/**
 * Plays every history of the plan. A lane's world is used for one history after the other, until one of them leaves it in
 * doubt. Then everything that ever happened in it is looked at once more.
 */
export async function sweep(plan: readonly Plan[], options: SweepOptions): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  const left = [...plan];
  const tell = (verdict: Verdict) => {
    verdicts.push(verdict);
    options.onVerdict(verdict);
  };
  const lane = async () => {
    let stage: Stage | undefined;
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const alone = next.boundary.startsWith(FIRST_CALL);
      let verdict: Verdict;
      try {
        if (!alone) {
          stage ??= await openStage(options);
          await warmUp(stage);
        }
        verdict = await (stage === undefined || alone ? runHistory(next, options) : playHistory(stage, next, options));
      } catch (error) {
        verdict = notPlayed(next, error);
      }
      if (!verdict.reached || verdict.violations.length > 0) {
        await stage?.run.close();
        stage = undefined;
      }
      // What was left of an earlier history, or a busy machine, may have kept it from happening.
      if (!verdict.reached) verdict = await runHistory(next, options).catch((error: unknown) => notPlayed(next as Plan, error));
      tell(verdict);
    }
    if (stage !== undefined) await lookBack(stage, tell, options);
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  return inOrder(plan, verdicts);
}

/** The harness itself failed. */
function notPlayed(plan: Plan, error: unknown): Verdict {
  console.error(`  ${plan.signal} at ${plan.boundary} could not be played: ${String(error).slice(0, 300)}`);
  return { ...plan, violations: [], reached: false, tookMs: 0 };
}

async function lookBack({ run }: Stage, tell: (verdict: Verdict) => void, options: HistoryOptions): Promise<void> {
  const violations = check(await run.allSightings());
  if (violations.length > 0) {
    options.onLogs?.(await logsOf(run));
    tell({ boundary: 'after several histories', signal: 'kill', violations, reached: true, tookMs: 0 });
  }
  await run.close();
}

function inOrder(plan: readonly Plan[], verdicts: readonly Verdict[]): Verdict[] {
  const place = ({ boundary, signal }: Plan) => plan.findIndex((one) => one.boundary === boundary && one.signal === signal);
  return [...verdicts].sort((one, other) => place(one) - place(other));
}
