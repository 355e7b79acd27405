import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';

export interface ReportRow {
  step: string;
  signal: string;
  verdict: string;
}

/** A bar with the count and the time left. Where there is no terminal, nothing. */
export function createProgress(total: number): { tick(violations: number, steps?: number): void; stop(): void } {
  const bar = new SingleBar({ format: '{bar} {value}/{total}, {eta_formatted} left, {violations} violations', hideCursor: true });
  let started = false;
  let found = 0;
  return {
    tick(violations, steps = 1) {
      found += violations;
      if (!process.stdout.isTTY) return;
      if (!started) bar.start(total, 0, { violations: 0 });
      started = true;
      bar.increment(steps, { violations: found });
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

export function printTable(rows: readonly ReportRow[]): void {
  const edges = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'] as const;
  const chars = Object.fromEntries([...edges, ...inner].map((name) => [name, '']));
  const table = new Table({ head: ['step', 'signal', 'verdict'], chars: { ...chars, middle: '  ' }, style: { head: ['bold'] } });
  for (const { step, signal, verdict } of rows) table.push([step, signal, verdict]);
  console.log(table.toString());
}
