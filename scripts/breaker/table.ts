import Table from 'cli-table3';
import type { BreakerRecord } from '../../src/resilience/breaker-store.ts';

export interface BreakerRow extends BreakerRecord {
  heldBack: number;
}

/** How every breaker stands, for a human. @param now Unix milliseconds. */
export function breakerTable(rows: readonly BreakerRow[], now: number): string {
  const table = new Table({
    head: ['service', 'breaker', 'since', 'calls held back', 'opened last by'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [30, 11, 22, 17, 60],
  });
  for (const row of rows) table.push([row.service, stateOf(row), ago(row.since, now), row.open ? String(row.heldBack) : '-', causeOf(row)]);
  return table.toString();
}

function stateOf({ open, trialRunning }: BreakerRecord): string {
  if (!open) return 'closed';
  return trialRunning ? 'half-open' : 'open';
}

function causeOf({ cause }: BreakerRecord): string {
  if (cause === undefined) return '-';
  return cause.category === 'manual' ? `a human: ${cause.message}` : `${cause.code}: ${cause.message}`;
}

function ago(since: number, now: number): string {
  if (since === 0) return 'ever';
  const seconds = Math.max(0, Math.round((now - since) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return new Date(since).toISOString().slice(0, 16).replace('T', ' ');
}
