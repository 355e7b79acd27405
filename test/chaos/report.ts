import { SingleBar } from 'cli-progress';
import { plainTable } from '../../scripts/plain-table.ts';

export interface ReportRow {
  step: string;
  signal: string;
  verdict: string;
}

/** Where there is no terminal, a line this often. Milliseconds. */
const LINE_EVERY_MS = 30_000;

/** A bar with the count and the time left. */
export function createProgress(total: number): { tick(violations: number, steps?: number): void; stop(): void } {
  const bar = new SingleBar({ format: '{bar} {value}/{total}, {eta_formatted} left, {violations} violations', hideCursor: true });
  const startedAt = Date.now();
  let [done, found, saidAt] = [0, 0, startedAt];
  const say = () => {
    const now = Date.now();
    if (now - saidAt < LINE_EVERY_MS && done < total) return;
    saidAt = now;
    const minutesLeft = Math.ceil((((now - startedAt) / done) * (total - done)) / 60_000);
    console.log(`${done}/${total}, ${minutesLeft} min left, ${found} violations`);
  };
  if (process.stdout.isTTY) bar.start(total, 0, { violations: 0 });
  return {
    tick(violations, steps = 1) {
      found += violations;
      done += steps;
      if (process.stdout.isTTY) bar.increment(steps, { violations: found });
      else if (done > 0) say();
    },
    stop: () => bar.stop(),
  };
}

export function printTable(rows: readonly ReportRow[]): void {
  const table = plainTable(['step', 'signal', 'verdict']);
  for (const { step, signal, verdict } of rows) table.push([step, signal, verdict]);
  console.log(table.toString());
}
