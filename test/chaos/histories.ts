import { sleep } from '../../src/sleep.ts';
import { type Boundary, boundaryName, createBoundaryCounter, FIRST_CALL } from './boundaries.ts';
import { type ChaosRun, type ChaosRunOptions, DEAD_MAN_MS, startChaosRun } from './chaos-run.ts';
import { patience } from './patience.ts';
import { check, isAccountedFor, type Violation } from './sightings.ts';
import type { WiredWorker } from './wired-worker.ts';

/**
 * What is done at a boundary. `kill`: SIGKILL; a request that is on its way is lost, an answer too. `kill-late`: SIGKILL, and
 * the request arrives only after somebody else has taken over. `freeze`: SIGSTOP, what is on its way is held until somebody else
 * has taken over, then SIGCONT. `overlap`: the same, but it goes on already while the other one's call is going on. `alone`: SIGKILL, and for half a minute no worker lives at all. `cut`: nobody dies, the connection is
 * reset and what was on its way on it is lost.
 */
export type Signal = 'kill' | 'kill-late' | 'freeze' | 'overlap' | 'alone' | 'cut';

const HOLDS: readonly Signal[] = ['kill-late', 'freeze', 'overlap'];

export interface Plan {
  boundary: string;
  signal: Signal;
}

export interface Verdict extends Plan {
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
/** How long a dead one's late request may take to do so. Milliseconds. */
const AFTER_ARRIVAL_MS = 500;
/** A call without faults takes 8 s; beside seven others it may take thrice that. Milliseconds. */
const REACH_MS = 45_000;

/** A world, and a worker in it that waits for the next history. */
export interface Stage {
  readonly run: ChaosRun;
  /** The one that the next signal is for; whoever survives a history is the next one's. */
  victim: WiredWorker;
}

export async function openStage(options: HistoryOptions): Promise<Stage> {
  const run = await startChaosRun(options);
  try {
    const victim = await run.startWorker({ broken: options.broken });
    await victim.ready();
    return { run, victim };
  } catch (error) {
    await run.close();
    throw error;
  }
}

/** One call to somebody busy, so that every history begins alike, whatever came before it. */
export async function warmUp({ run }: Stage): Promise<void> {
  await run.enqueueBusy();
  run.faultIsOver();
  await run.settle();
}

/** One call without faults: every boundary of it in its order. */
export async function recordCall({ run, victim }: Stage): Promise<Boundary[]> {
  const boundaries: Boundary[] = [];
  const count = createBoundaryCounter();
  victim.decide = (service, crossing) => {
    const boundary = count(service, crossing);
    if (boundary !== undefined) boundaries.push(boundary);
    return 'pass';
  };
  await run.enqueue(1);
  run.faultIsOver();
  await run.settle();
  victim.decide = undefined;
  return boundaries;
}

/** One call that meets `signal` at the boundary of that name, and a second worker that finds what is left of it. */
export async function playHistory(stage: Stage, { boundary, signal }: Plan, options: HistoryOptions): Promise<Verdict> {
  const startedAt = Date.now();
  const reached = await play(stage, boundary, signal, options.broken);
  const violations = check(await stage.run.sightings());
  if (violations.length > 0) options.onLogs?.(await logsOf(stage.run));
  return { boundary, signal, violations, reached, tookMs: Date.now() - startedAt };
}

/** The same, in a world of its own. */
export async function runHistory(plan: Plan, options: HistoryOptions): Promise<Verdict> {
  const stage = await openStage(options);
  try {
    if (!plan.boundary.startsWith(FIRST_CALL)) await warmUp(stage);
    return await playHistory(stage, plan, options);
  } finally {
    await stage.run.close();
  }
}

async function play(stage: Stage, wanted: string, signal: Signal, broken: string | undefined): Promise<boolean> {
  const { run, victim } = stage;
  const count = createBoundaryCounter();
  const name = wanted.startsWith(FIRST_CALL) ? wanted.slice(FIRST_CALL.length) : wanted;
  const met = Promise.withResolvers<void>();
  const letGo = Promise.withResolvers<void>();
  let reached = false;
  // Two who talk have half a minute, which on a busy machine a worker needs to start: theirs lives already.
  let standby: Promise<WiredWorker> | undefined;
  victim.decide = async (service, crossing) => {
    if (run.meetings !== undefined && signal !== 'cut' && crossing.what.endsWith('/dial')) standby ??= run.startWorker({ broken });
    const boundary = reached ? undefined : count(service, crossing);
    if (boundary === undefined || boundaryName(boundary) !== name) return 'pass';
    reached = true;
    run.faultBegins();
    if (signal !== 'cut') run.meetings?.goOn();
    if (signal === 'freeze' || signal === 'overlap') victim.freeze();
    else if (signal !== 'cut') void victim.kill();
    met.resolve();
    if (!HOLDS.includes(signal)) return 'cut';
    await letGo.promise;
    return 'pass';
  };
  const [number = ''] = await run.enqueue(1);
  await settledOr(run, number, met.promise);
  if (signal === 'alone') {
    await sleep(DEAD_MAN_MS);
    run.expectNothingLeft(await run.world.channels());
  }
  const successor = reached && signal !== 'cut' ? await (standby ?? run.startWorker({ broken })) : undefined;
  const held = isHeldBy(successor).then(run.ownedAgain);
  await successor?.ready();
  if (signal === 'overlap') await settledOr(run, number, Promise.race([isDialled(run, number), held]));
  else {
    void held.then(run.meetings?.letEnd);
    run.faultIsOver();
    await run.settle();
  }
  letGo.resolve();
  if (reached && HOLDS.includes(signal)) {
    victim.thaw();
    await sleep(signal === 'kill-late' ? AFTER_ARRIVAL_MS : AFTER_THAW_MS);
    run.meetings?.letEnd();
    run.faultIsOver();
    await run.settle();
  }
  victim.decide = undefined;
  run.meetings?.letEnd();
  if (successor !== undefined) {
    await victim.close();
    stage.victim = successor;
  } else await (await standby)?.close();
  return reached;
}

/** Until `met`, or the contact's last outcome, or time is up. */
async function settledOr(run: ChaosRun, number: string, met: Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + patience(REACH_MS);
  let isMet = false;
  void met.then(() => {
    isMet = true;
  });
  while (!isMet && !isAccountedFor(number, run.world.rows()) && Date.now() < giveUpAt) await sleep(50);
}

/** It renews the dead-man's switch of a channel: it watches over a talk that it has found. */
async function isHeldBy(worker: WiredWorker | undefined): Promise<void> {
  if (worker === undefined) return;
  const held = Promise.withResolvers<void>();
  worker.decide = (service, { what, side }) => {
    if (service === 'asterisk' && side === 'answer' && /channels\/\S+\/variable$/.test(what)) held.resolve();
    return 'pass';
  };
  await held.promise;
}

/** One INVITE more than now. */
async function isDialled({ world }: ChaosRun, number: string): Promise<void> {
  const count = async () => (await world.dials()).filter((dial) => dial.number === number).length;
  const before = await count();
  const giveUpAt = Date.now() + patience(REACH_MS);
  while ((await count()) === before && Date.now() < giveUpAt) await sleep(50);
}

export async function logsOf(run: ChaosRun): Promise<string> {
  const logs = await Promise.all(run.workers.map(async (worker) => `--- ${worker.name}\n${await worker.log()}`));
  return logs.join('\n');
}
