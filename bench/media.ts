import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import Table from 'cli-table3';
import type { FarEndOrder, FarEndReport } from './media-far-ends.ts';
import { type LegMaker, legsInMainThread, legsInMediaThread } from './media-legs.ts';

/**
 * What a busy event loop costs the callee: the same calls with their audio in the main thread and in the media thread, while the main
 * thread is blocked in bursts, as the SDKs of the services do. The far ends live in a process of their own, and so does the clock that judges.
 */
const CALLS = [1, 20];
const BURSTS_MS = [0, 50, 200, 1_000];
/** Between the ends of two bursts. */
const PAUSE_MS = 700;
const MEASURE_MS = 5_000;
const KINDS = ['audiosocket', 'websocket'] as const;

type Kind = (typeof KINDS)[number];

async function measure(kind: Kind, calls: number, burstMs: number, makeLegs: () => LegMaker): Promise<(string | number)[]> {
  const farEnds = fork(new URL('./media-far-ends.ts', import.meta.url), { stdio: 'inherit' });
  const legs = makeLegs();
  const all = await legs.open(kind, calls, (order) => ask(farEnds, order));
  for (const leg of all) {
    leg.pauseOnSpeech(true);
    leg.onFrame((_frame, speech) => {
      if (speech?.change === 'speech-end') leg.resume();
    });
    void speakOn(leg.speak());
  }
  // Everything that can be handed over ahead has been.
  await pause(1_500);
  const cpuBefore = process.cpuUsage();
  const beganAt = performance.now();
  await ask(farEnds, { kind: 'measure' });
  while (performance.now() - beganAt < MEASURE_MS) {
    block(burstMs);
    await pause(PAUSE_MS);
  }
  const cpu = process.cpuUsage(cpuBefore);
  const ms = performance.now() - beganAt;
  const report = (await ask(farEnds, { kind: 'report' })) as FarEndReport;
  await legs.close();
  farEnds.disconnect();
  await once(farEnds, 'exit');
  const { intervals, late, frames, pauses } = report;
  const perCall = burstMs === 0 ? `${((100 * (cpu.user + cpu.system)) / 1_000 / ms / calls).toFixed(2)} %` : '';
  return [intervals.p50, intervals.p99, intervals.max, `${late} of ${frames}`, pauses.p50, pauses.max, perCall];
}

/** Always something to say, ten seconds ahead of the ear. */
async function speakOn(utterance: { write(pcm: Buffer): Promise<void> }): Promise<void> {
  const second = Buffer.alloc(32_000, 7);
  for (let i = 0; i < 60; i++) await utterance.write(second);
}

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function ask(farEnds: ChildProcess, order: FarEndOrder): Promise<unknown> {
  const answer = once(farEnds, 'message');
  farEnds.send(order);
  return (await answer)[0];
}

const head = ['leg', 'calls', 'burst ms', 'audio in', 'p50', 'p99', 'max', '> 30 ms', 'pause p50', 'pause max', 'CPU a call'];
const table = new Table({ head, style: { head: [], border: [] } });
const wanted = KINDS.filter((kind) => process.argv.length < 3 || process.argv.includes(kind));
// Neighbours, so that whatever else this machine does falls on both alike.
for (const kind of wanted)
  for (const calls of CALLS)
    for (const burstMs of BURSTS_MS)
      for (const [where, makeLegs] of [
        ['main thread', legsInMainThread],
        ['media thread', legsInMediaThread],
      ] as const)
        table.push([kind, calls, burstMs, where, ...(await measure(kind, calls, burstMs, makeLegs))]);
console.log('Milliseconds between frames as the callee gets them; from their first sound to our pause.');
console.log(table.toString());
process.exit(0);
