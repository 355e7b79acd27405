import Table from 'cli-table3';

/** Without frames, so that many rows fit on a screen; without colours where there is no terminal. */
export function plainTable(head: string[]): Table.Table {
  const edges = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'] as const;
  const chars = Object.fromEntries([...edges, ...inner].map((name) => [name, '']));
  const style = { head: process.stdout.isTTY ? ['bold'] : [], border: [], 'padding-left': 0, 'padding-right': 0 };
  return new Table({ head, chars: { ...chars, middle: '  ' }, style });
}
