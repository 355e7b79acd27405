import { parseArgs, styleText } from 'node:util';
import Table from 'cli-table3';
import { sleep } from '../../src/sleep.ts';
import type { ThreadGauges } from './gauges.ts';
import { createProgress, printTable, type ReportRow } from './report.ts';
import type { Gauges } from './soak-worker.ts';
import { type SoakWorld, startSoakWorld } from './soak-world.ts';

const USAGE = `npm run test:soak [-- options]

Calls after calls in the sandbox; then the worker's memory, sockets, timers and listeners must be where they were,
in the thread in which audio lives, too. A curve shows the memory, minute by minute.

  --minutes n   how long   (default: 10)
  --help`;

const BATCH = 100;
/** Connections that are kept open for the next request are closed after 5 s without one, some after 15. Milliseconds. */
const QUIET_MS = 20_000;
/** What the first calls load and compile is not a leak: so many of them come before the first look. */
const WARM_UP_BATCHES = 2;
/** Room for what garbage collection leaves about. Bytes. */
const HEAP_SLACK = 24 * 1024 * 1024;
/** Pages that the allocator keeps for later. Bytes. */
const RESIDENT_SLACK = 96 * 1024 * 1024;
/** A kept connection or a timer more or less, whenever one looks. */
const RESOURCE_SLACK = 6;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, help: { type: 'boolean', default: false } } });

/** Where one look found the worker. */
interface Point {
  minute: number;
  calls: number;
  gauges: Gauges;
}

async function soak(world: SoakWorld, seconds: number): Promise<{ before: Gauges; after: Gauges; curve: Point[] }> {
  for (let done = 0; done < WARM_UP_BATCHES; done++) await world.call(BATCH);
  await sleep(QUIET_MS);
  const before = await world.ask('measure');
  const curve: Point[] = [{ minute: 0, calls: world.calls, gauges: before }];
  const progress = createProgress(seconds);
  const startedAt = Date.now();
  for (let passed = 0; passed < seconds; ) {
    await world.call(BATCH);
    const now = Math.min(seconds, Math.round((Date.now() - startedAt) / 1000));
    progress.tick(0, now - passed);
    passed = now;
    const minute = Math.floor(passed / 60);
    if (minute > (curve.at(-1)?.minute ?? 0)) curve.push({ minute, calls: world.calls, gauges: await world.ask('look') });
  }
  progress.stop();
  await sleep(QUIET_MS);
  return { before, after: await world.ask('measure'), curve };
}

const megabytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);

function printCurve(curve: readonly Point[]): void {
  const head = ['minute', 'calls', 'process', 'main heap', 'its pages', 'buffers', 'media heap', 'its pages', 'buffers', 'files'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { minute, calls, gauges } of curve) {
    const { resident, main, media, descriptors } = gauges;
    const threads = [main, media].flatMap(({ heap, heapPages, buffers }) => [heap, heapPages, buffers]);
    table.push([minute, calls, ...[resident, ...threads].map(megabytes), descriptors]);
  }
  console.log(`Memory in megabytes, as it stood, garbage included.\n${table.toString()}`);
}

function row(step: string, from: number, to: number, slack: number, show: (value: number) => string = String): ReportRow {
  return { step, signal: `${show(from)} -> ${show(to)}`, verdict: to <= from + slack ? 'kept' : styleText('red', 'grew') };
}

const memory = (step: string, from: number, to: number, slack: number) => row(step, from, to, slack, (bytes) => `${megabytes(bytes)} MB`);

/** What is not where it was, of one thread. */
function compareThreads(thread: string, before: ThreadGauges, after: ThreadGauges): ReportRow[] {
  const kinds = [...new Set([...Object.keys(before.resources), ...Object.keys(after.resources)])].sort();
  return [
    memory(`${thread}: heap`, before.heap, after.heap, HEAP_SLACK),
    memory(`${thread}: buffers`, before.buffers, after.buffers, HEAP_SLACK),
    row(`${thread}: listeners`, before.listeners, after.listeners, 0),
    ...kinds.map((kind) => row(`${thread}: ${kind}`, before.resources[kind] ?? 0, after.resources[kind] ?? 0, RESOURCE_SLACK)),
  ];
}

function judge(world: SoakWorld, before: Gauges, after: Gauges): ReportRow[] {
  const rows = [
    memory('memory of the process', before.resident, after.resident, RESIDENT_SLACK),
    row('open files and sockets', before.descriptors, after.descriptors, RESOURCE_SLACK),
    ...compareThreads('main thread', before.main, after.main),
    ...compareThreads('media thread', before.media, after.media),
    row('channels and bridges left', 0, world.leftInAsterisk(), 0),
  ];
  if (/MaxListenersExceededWarning/.test(world.warnings()))
    rows.push({ step: 'warnings', signal: '', verdict: styleText('red', world.warnings().slice(0, 200)) });
  return rows;
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const world = await startSoakWorld();
  try {
    const { before, after, curve } = await soak(world, Math.round(Number(values.minutes) * 60));
    printCurve(curve);
    const rows = judge(world, before, after);
    printTable(rows);
    const grown = rows.filter(({ verdict }) => verdict !== 'kept').length;
    console.log(styleText(grown === 0 ? 'green' : 'red', `${world.calls} calls, ${grown} violations`));
    return grown === 0 ? 0 : 1;
  } finally {
    await world.stop();
  }
}

process.exit(await main());
