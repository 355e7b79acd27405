import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STAGES, type TurnLatency } from '../../src/conversation/latency.ts';

const COLOURS = ['#9aa5b1', '#62a0c8', '#3f7cac', '#e0a458', '#d1603d', '#7a9e5f'];
const LEFT = 70;
const BAR = 22;
const WIDTH = 900;

/** Prints a table of the stages of each turn, and draws them as bars into data/<name>.svg. Milliseconds after the callee's last frame of voice. */
export function drawLatencies(turns: readonly TurnLatency[], name: string): void {
  if (turns.length === 0) return;
  const quantile = (q: number) =>
    Object.fromEntries(
      STAGES.map((stage) => [stage, turns.map((turn) => turn[stage]).sort((a, b) => a - b)[Math.round(q * (turns.length - 1))]]),
    );
  const folder = join(import.meta.dirname, '../../data');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.svg`);
  writeFileSync(file, svg(turns));
  const cells = Object.entries({ median: quantile(0.5), slowest: quantile(1) }).map(([what, row]) =>
    [what.padEnd(8), ...STAGES.map((stage) => String(row[stage] ?? '').padStart(stage.length))].join('  '),
  );
  process.stdout.write(
    `\nturn latency, ms after the callee's last frame of voice (${turns.length} turns; drawn in ${file})\n${['        ', ...STAGES].join('  ')}\n${cells.join('\n')}\n`,
  );
}

function svg(turns: readonly TurnLatency[]): string {
  const longest = Math.max(...turns.map(({ heard }) => heard), 1);
  const x = (ms: number) => LEFT + (ms / longest) * (WIDTH - LEFT - 20);
  const bars = turns.map((turn, i) => {
    const y = 50 + i * (BAR + 8);
    const parts = STAGES.map((stage, s) => {
      const before = STAGES[s - 1];
      const from = x(before === undefined ? 0 : turn[before]);
      return `<rect x="${from.toFixed(1)}" y="${y}" width="${Math.max(0, x(turn[stage]) - from).toFixed(1)}" height="${BAR}" fill="${COLOURS[s]}"><title>${stage}: ${turn[stage]} ms</title></rect>`;
    });
    const asked = x(Math.max(0, turn.asked)).toFixed(1);
    const tick = `<line x1="${asked}" x2="${asked}" y1="${y - 3}" y2="${y + BAR + 3}" stroke="black"/>`;
    return `<text x="5" y="${y + 15}">turn ${i + 1}</text>${parts.join('')}${tick}<text x="${WIDTH - 18}" y="${y + 15}" text-anchor="end" fill="white">${turn.heard} ms</text>`;
  });
  const legend = STAGES.map(
    (stage, s) =>
      `<rect x="${LEFT + s * 130}" y="10" width="12" height="12" fill="${COLOURS[s]}"/><text x="${LEFT + s * 130 + 17}" y="20">${stage}</text>`,
  );
  const height = 60 + turns.length * (BAR + 8) + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>Stages of a turn, from the callee's last frame of voice to our first</title>
${legend.join('\n')}
${bars.join('\n')}
<text x="${LEFT}" y="${height - 8}">0 … ${longest} ms after the callee's last frame of voice; the black line: the model is asked</text>
</svg>
`;
}
