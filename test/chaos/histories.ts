import { sleep } from '../../src/sleep.ts';
import { type Boundary, boundaryName, createBoundaryCounter } from './boundaries.ts';
import { type ChaosRun, type ChaosRunOptions, DEAD_MAN_MS, startChaosRun } from './chaos-run.ts';
import { check, type Violation } from './sightings.ts';

/**
 * What is done at a boundary. `kill`: SIGKILL; a request that is on its way is lost, an answer too. `kill-late`: SIGKILL, and
 * the request arrives only after somebody else has taken over. `freeze`: SIGSTOP, what is on its way is held until somebody else
 * has taken over, then SIGCONT. `alone`: SIGKILL, and for half a minute no worker lives at all. `cut`: nobody dies, the connection is
 * reset and what was on its way on it is lost.
 */
export type Signal = 'kill' | 'kill-late' | 'freeze' | 'alone' | 'cut';

export interface Verdict {
  boundary: string;
  signal: Signal | 'none';
  violations: Violation[];
  /** The boundary was met: a history that never happened proves nothing. */
  reached: boolean;
  tookMs: number;
}

export interface HistoryOptions extends ChaosRunOptions {
  /** A mechanism that is taken out of every worker. */
  broken?: string | undefined;
  /** Keeps the workers' logs of a run with violations. */
  onLogs?: ((logs: string) => void) | undefined;
}

/** How long a thawed worker may take to do what it should not. Milliseconds. */
const AFTER_THAW_MS = 2_000;
/** A call without faults takes 8 s; on a machine with eight of them at once it may take thrice that. Milliseconds. */
const REACH_MS = 45_000;

/** One call without faults: every boundary of it in its order. */
export async function recordBoundaries(options: HistoryOptions): Promise<{ boundaries: Boundary[]; violations: Violation[] }> {
  const run = await startChaosRun(options);
  try {
    const boundaries: Boundary[] = [];
    const count = createBoundaryCounter();
    let recording = false;
    const worker = await run.startWorker({
      decide(service, crossing) {
        const boundary = recording ? count(service, crossing) : undefined;
        if (boundary !== undefined) boundaries.push(boundary);
        return 'pass';
      },
    });
    await worker.ready();
    recording = true;
    await run.enqueue(1);
    await run.settle();
    const violations = check(await run.sightings());
    if (violations.length > 0) options.onLogs?.(await logsOf(run));
    return { boundaries, violations };
  } finally {
    await run.close();
  }
}

/** One call that meets `signal` at the boundary of that name, and a second worker that finds what is left of it. */
export async function runHistory(boundary: string, signal: Signal, options: HistoryOptions): Promise<Verdict> {
  const startedAt = Date.now();
  const run = await startChaosRun(options);
  try {
    const reached = await play(run, boundary, signal, options.broken);
    const violations = check(await run.sightings());
    if (violations.length > 0) options.onLogs?.(await logsOf(run));
    return { boundary, signal, violations, reached, tookMs: Date.now() - startedAt };
  } finally {
    await run.close();
  }
}

async function play(run: ChaosRun, wanted: string, signal: Signal, broken: string | undefined): Promise<boolean> {
  const count = createBoundaryCounter();
  const met = Promise.withResolvers<true>();
  const letGo = Promise.withResolvers<void>();
  let armed = false;
  const first = await run.startWorker({
    broken,
    async decide(service, crossing) {
      const boundary = armed ? count(service, crossing) : undefined;
      if (boundary === undefined || boundaryName(boundary) !== wanted) return 'pass';
      armed = false;
      if (signal === 'freeze') first.freeze();
      else if (signal !== 'cut') void first.kill();
      met.resolve(true);
      if (signal !== 'freeze' && signal !== 'kill-late') return 'cut';
      await letGo.promise;
      return 'pass';
    },
  });
  await first.ready();
  armed = true;
  await run.enqueue(1);
  const reached = await within(met.promise, REACH_MS);
  if (signal === 'alone') {
    await sleep(DEAD_MAN_MS);
    run.expectNothingLeft(await run.world.channels());
  }
  if (signal !== 'cut') await (await run.startWorker({ broken })).ready();
  run.faultIsOver();
  await run.settle();
  letGo.resolve();
  if (signal === 'freeze' || signal === 'kill-late') {
    first.thaw();
    await sleep(AFTER_THAW_MS);
    await run.settle();
  }
  return reached;
}

async function within(met: Promise<true>, ms: number): Promise<boolean> {
  const over = new AbortController();
  const tooLong = sleep(ms, over.signal).then(
    () => false,
    () => false,
  );
  const reached = await Promise.race([met, tooLong]);
  over.abort();
  return reached;
}

export async function logsOf(run: ChaosRun): Promise<string> {
  const logs = await Promise.all(run.workers.map(async (worker) => `--- ${worker.name}\n${await worker.log()}`));
  return logs.join('\n');
}
