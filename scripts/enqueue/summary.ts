import type { EnqueueCounts } from '../../src/producer/enqueue.ts';

export interface SummaryOptions {
  campaign: string;
  dryRun: boolean;
  rejectedPath: string;
}

/** What became of a file's lines, for a human. */
export function summarise(counts: Readonly<EnqueueCounts>, { campaign, dryRun, rejectedPath }: SummaryOptions): string {
  const rows: [number, string][] = [
    [counts.added, dryRun ? 'would be added' : 'added'],
    [counts.updated, dryRun ? 'would be updated' : 'updated'],
    [counts.duplicates, 'in the campaign already'],
    [counts.alreadyDialled, 'already dialled, left as they are'],
    [counts.repeated, 'with a number that stands further up in the file'],
    [counts.rejected, 'rejected'],
  ];
  const width = Math.max(...rows.map(([count]) => shown(count).length));
  const list = rows
    .filter(([count], index) => count > 0 || index === 0)
    .map(([count, words]) => `  ${shown(count).padStart(width)}  ${words}`);
  const head = `Campaign ${campaign}, ${shown(counts.lines)} ${counts.lines === 1 ? 'line' : 'lines'}${dryRun ? ' (dry run: nothing was written to the queue)' : ''}:`;
  const where = counts.rejected + counts.repeated > 0 ? [`The lines that were left out, with the reasons: ${rejectedPath}`] : [];
  return [head, ...list, ...where].join('\n');
}

function shown(count: number): string {
  return count.toLocaleString('en-US');
}
