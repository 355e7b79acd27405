import { writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { MECHANISMS, type Mechanism } from './broken/mechanisms.ts';
import type { Story } from './campaign.ts';
import type { AsteriskKind } from './chaos-world.ts';
import type { HistoryOptions, Signal, Verdict } from './histories.ts';
import { NAIVE_PLANS, NAIVE_WORKER, PROOFS, prove } from './proofs.ts';
import { type RandomVerdict, runSeed } from './random-faults.ts';
import { createProgress, printTable, type ReportRow } from './report.ts';
import type { Violation } from './sightings.ts';
import { planSweep, recordBoundaries, sweep } from './sweep.ts';

/** A history keeps a core busy for a third of its time. */
const LANES = 3 * cpus().length;

const USAGE = `npm run test:chaos [-- options]

Kills, freezes and cuts off a worker at every boundary between it and its services, then breaks the world at random, and checks
by what the outside saw that nobody is lost and nobody is dialled twice. Ends with the count of violations.

  --story transfer   of callees who are put through to a colleague, from the first request that concerns the colleague on; not with --asterisk real
  --signals a,b      of kill, kill-late, freeze, overlap, alone, cut   (default: kill,kill-late,freeze,cut)
  --boundary a|b     only boundaries whose name contains one of these
  --seed n,m         only the random faults of these seeds
  --minutes n        random faults for so long after the sweeps   (default: 10)
  --broken a,b       with these mechanisms taken out: ${Object.keys(MECHANISMS).join(', ')}
  --proofs           only the proofs: each mechanism taken out in turn must break a promise
  --asterisk real    against a real Asterisk, with SIPp as the carrier
  --lanes n          histories at a time; most of each is waiting   (default: ${LANES})
  --help`;

const SIGNALS: readonly Signal[] = ['kill', 'kill-late', 'freeze', 'cut'];

const { values } = parseArgs({
  options: {
    story: { type: 'string', default: 'call' },
    signals: { type: 'string', default: SIGNALS.join(',') },
    boundary: { type: 'string' },
    seed: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    broken: { type: 'string' },
    proofs: { type: 'boolean', default: false },
    asterisk: { type: 'string', default: 'sandbox' },
    lanes: { type: 'string', default: String(LANES) },
    help: { type: 'boolean', default: false },
  },
});

/** What would run into the bar is said after it. */
const later: string[] = [];
const say = (line: string) => void (process.stdout.isTTY ? later.push(line) : console.log(line));
let logs = 0;
const options: HistoryOptions = {
  asterisk: values.asterisk as AsteriskKind,
  story: values.story as Story,
  broken: values.broken,
  onLogs(text) {
    logs += 1;
    const file = join(tmpdir(), `ringfence-chaos-${process.pid}-${logs}.log`);
    writeFileSync(file, text);
    say(`  workers' logs: ${file}`);
  },
};
const lanes = Math.max(1, Number(values.lanes));
const more = [
  ...(values.story === 'call' ? [] : [`--story ${values.story}`]),
  ...(values.asterisk === 'real' ? ['--asterisk real'] : []),
  ...(values.broken === undefined ? [] : [`--broken ${values.broken}`]),
];

function told(violations: readonly Violation[]): string {
  return violations.map(({ promise, what }) => `${promise} ${what}`).join('; ');
}

function replay(...what: string[]): void {
  say(`  again: npm run test:chaos -- ${[...what, ...more].join(' ')}`);
}

function toRow({ boundary, signal, violations, reached }: Verdict): ReportRow {
  if (violations.length > 0) return { step: boundary, signal, verdict: styleText('red', told(violations)) };
  return { step: boundary, signal, verdict: reached ? 'kept' : styleText('yellow', 'did not come to pass') };
}

async function runSweep(): Promise<number> {
  console.log('One call without faults, to number its boundaries ...');
  const recorded = await recordBoundaries(options);
  if (recorded.violations.length > 0) console.log(styleText('red', `Without any fault: ${told(recorded.violations)}`));
  const plan = planSweep(recorded.boundaries, values.signals.split(',') as Signal[]).filter(({ boundary }) =>
    (values.boundary ?? '').split('|').some((part) => boundary.includes(part)),
  );
  console.log(`${recorded.boundaries.length} boundaries, ${plan.length} histories, ${lanes} at a time.`);
  const progress = createProgress(plan.length);
  const verdicts = await sweep(plan, {
    ...options,
    lanes,
    onVerdict(verdict) {
      progress.tick(verdict.violations.length);
      if (verdict.violations.length > 0) replay(`--signals ${verdict.signal}`, `--boundary '${verdict.boundary}'`, '--minutes 0');
    },
  });
  progress.stop();
  printTable(verdicts.map(toRow));
  const missed = verdicts.filter(({ reached }) => !reached).length;
  if (missed > 0) console.log(styleText('yellow', `${missed} histories did not come to pass`));
  return verdicts.reduce((sum, { violations }) => sum + violations.length, recorded.violations.length);
}

function toSeedRow({ seed, faults, happened, violations }: RandomVerdict): ReportRow {
  const what = faults.slice(0, happened).map(({ kind }) => kind);
  return {
    step: `seed ${seed}`,
    signal: what.join(', ') || 'none in time',
    verdict: violations.length > 0 ? styleText('red', told(violations)) : 'kept',
  };
}

/** `steps` tells how far the bar has come: seeds, or seconds. */
async function runSeeds(seeds: Iterator<number>, total: number, steps: () => number, isOver: () => boolean): Promise<number> {
  const rows: ReportRow[] = [];
  let violations = 0;
  let shown = 0;
  const progress = createProgress(total);
  const lane = async () => {
    for (let next = seeds.next(); !next.done && !isOver(); next = seeds.next()) {
      const verdict = await runSeed(next.value, options).catch((error: unknown) =>
        say(`  seed ${next.value} could not be played: ${error}`),
      );
      if (verdict === undefined) continue;
      violations += verdict.violations.length;
      rows.push(toSeedRow(verdict));
      const done = Math.min(total, steps());
      progress.tick(verdict.violations.length, done - shown);
      shown = done;
      if (verdict.violations.length > 0) replay(`--seed ${verdict.seed}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  progress.stop();
  printTable(rows);
  return violations;
}

function runThese(seeds: readonly number[]): Promise<number> {
  let done = 0;
  return runSeeds(
    seeds.values(),
    seeds.length,
    () => ++done,
    () => false,
  );
}

function runFresh(minutes: number): Promise<number> {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  return runSeeds(freshSeeds(), minutes * 60, seconds, () => seconds() >= minutes * 60);
}

function* freshSeeds(): Generator<number> {
  for (;;) yield Math.floor(Math.random() * 1_000_000);
}

/** The other way round: what is not found here counts. */
async function runProofs(): Promise<number> {
  const rows: ReportRow[] = [];
  const left = Object.keys(MECHANISMS) as Mechanism[];
  let unproven = 0;
  const progress = createProgress(left.length + NAIVE_PLANS.length);
  const lane = async () => {
    for (let mechanism = left.shift(); mechanism !== undefined; mechanism = left.shift()) {
      const proof = PROOFS[mechanism];
      const violations = await prove(mechanism, { asterisk: options.asterisk });
      if (violations.length === 0) unproven += 1;
      progress.tick(0);
      rows.push({
        step: `without ${mechanism}: ${'faults' in proof ? proof.faults.map(({ kind }) => kind).join(', ') : proof.boundary}`,
        signal: 'faults' in proof ? '' : proof.signal,
        verdict: violations.length > 0 ? `found: ${told(violations)}` : styleText('red', 'not found'),
      });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const naive = await sweep(NAIVE_PLANS, { asterisk: options.asterisk, broken: NAIVE_WORKER, lanes, onVerdict: () => progress.tick(0) });
  progress.stop();
  const failed = naive.filter(({ violations }) => violations.length > 0).length;
  rows.push(...naive.map(toRow).map((row) => ({ ...row, step: `naive worker: ${row.step}` })));
  printTable(rows);
  if (failed <= NAIVE_PLANS.length / 2) unproven += 1;
  console.log(`A naive worker fails ${failed} of ${NAIVE_PLANS.length}.`);
  return unproven;
}

if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
if (values.story === 'transfer' && values.asterisk === 'real') {
  console.error("The real Asterisk's carrier echoes: nobody there asks for a colleague. Leave out --story transfer or --asterisk real.");
  process.exit(2);
}
// Exit listeners end the workers, also those that are frozen.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
let count = 0;
if (values.proofs) count = await runProofs();
else if (values.seed !== undefined) count = await runThese(values.seed.split(',').map(Number));
else {
  count = await runSweep();
  const minutes = Number(values.minutes);
  if (minutes > 0) count += await runFresh(minutes);
}
for (const line of later) console.log(line);
console.log(styleText(count === 0 ? 'green' : 'red', values.proofs ? `${count} mechanisms without proof` : `${count} violations`));
process.exit(count === 0 ? 0 : 1);
