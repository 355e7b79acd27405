import { sleep } from '../../src/sleep.ts';

export interface Step {
  text: string;
  /** Since the beginning. Milliseconds. */
  atMs: number;
}

/** Steps of a story, each of which must be seen before the next is looked for. */
export interface Timeline {
  readonly steps: readonly Step[];
  /** The step that was not seen, and why. */
  readonly missed: { text: string; why: string } | undefined;
  /** Looks until `happened` says true. Once a step was missed, the following ones are not looked for. */
  see(text: string, happened: () => boolean | Promise<boolean>): Promise<void>;
}

const LOOK_EVERY_MS = 25;

/** @param patienceMs how long one step may take */
export function createTimeline(onStep: ((step: Step) => void) | undefined, patienceMs: number): Timeline {
  const startedAt = performance.now();
  const steps: Step[] = [];
  let missed: { text: string; why: string } | undefined;
  return {
    steps,
    get missed() {
      return missed;
    },
    async see(text, happened) {
      if (missed !== undefined) return;
      const giveUpAt = performance.now() + patienceMs;
      try {
        while (!(await happened())) {
          if (performance.now() > giveUpAt) throw new Error(`not seen within ${Math.round(patienceMs / 1000)} s`);
          await sleep(LOOK_EVERY_MS);
        }
        const step = { text, atMs: performance.now() - startedAt };
        steps.push(step);
        onStep?.(step);
      } catch (error) {
        missed = { text, why: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}

/** The timeline as a picture: one dot a step, on a scale of seconds. */
export function timelineSvg(title: string, steps: readonly Step[]): string {
  const [width, left, top, row] = [960, 90, 70, 30];
  const height = top + steps.length * row + 30;
  const last = steps.at(-1)?.atMs ?? 1;
  const y = (index: number) => top + index * row;
  const rows = steps.map(({ text, atMs }, index) => {
    const bar = Math.round((atMs / last) * 60);
    return [
      `<circle cx="${left}" cy="${y(index)}" r="6" fill="#2b6cb0"/>`,
      `<text x="${left - 14}" y="${y(index) + 5}" text-anchor="end" font-weight="bold">${(atMs / 1000).toFixed(1)} s</text>`,
      `<rect x="${left + 14}" y="${y(index) + 9}" width="${bar}" height="3" fill="#90cdf4"/>`,
      `<text x="${left + 14}" y="${y(index) + 5}">${escapeXml(text)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="14">
<rect width="100%" height="100%" fill="white"/>
<text x="20" y="32" font-size="18" font-weight="bold">${escapeXml(title)}</text>
<line x1="${left}" y1="${top}" x2="${left}" y2="${y(steps.length - 1)}" stroke="#a0aec0" stroke-width="2"/>
${rows.join('\n')}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
