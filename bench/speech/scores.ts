import type { Hearing } from './contestants.ts';
import { PAUSE_FRAMES, type Say } from './recordings.ts';

/** In a shorter pause there need be no end. */
const LONG_PAUSE_FRAMES = 75;

/** How well a detector heard, over any number of lines. */
export interface Scores {
  said: number;
  missed: number;
  /** Says that were taken for over before they were. */
  cut: number;
  onsetsMs: number[];
  /** From the last frame of speech to the detector's end of it. */
  endsMs: number[];
  /** Never, before the line was over or somebody spoke again. */
  neverEnded: number;
  falseStarts: number;
  quietMs: number;
  /** Of it, taken for speech. */
  mistakenMs: number;
  /** Frames that were rightly, wrongly and not taken for voiced. */
  right: number;
  wrong: number;
  overlooked: number;
  tookMs: number;
  frames: number;
}

export const noScores = (): Scores => ({
  ...{ said: 0, missed: 0, cut: 0, onsetsMs: [], endsMs: [], neverEnded: 0, falseStarts: 0, quietMs: 0, mistakenMs: 0 },
  ...{ right: 0, wrong: 0, overlooked: 0, tookMs: 0, frames: 0 },
});

/** `voiced`: of each frame of the recording without noise. */
export function score(scores: Scores, { says, voiced }: { says: Say[]; voiced: boolean[] }, hearing: Hearing): void {
  const { speaking, starts, ends } = hearing;
  scores.tookMs += hearing.tookMs;
  scores.frames += speaking.length;
  says.forEach(({ from, to }, i) => {
    scores.said += 1;
    const heardAt = speaking.findIndex((now, at) => now && at >= from && at < to);
    if (heardAt < 0) scores.missed += 1;
    else if (starts.includes(heardAt)) scores.onsetsMs.push((heardAt + 1 - from) * 20);
    const nextFrom = says[i + 1]?.from ?? Number.POSITIVE_INFINITY;
    if (ends.some((at) => at > from && at < to - 1)) scores.cut += 1;
    if (nextFrom - to < LONG_PAUSE_FRAMES) return;
    // One that came too early says nothing of this: it cut the say in two.
    const end = ends.find((at) => at >= to - 1 && at < nextFrom);
    if (heardAt >= 0 && end === undefined) scores.neverEnded += 1;
    if (end !== undefined) scores.endsMs.push((end + 1 - to) * 20);
  });
  // Within the hang-over after a say nobody is to blame.
  const quiet = (at: number) => says.every(({ from, to }) => at < from || at >= to + PAUSE_FRAMES);
  scores.falseStarts += starts.filter(quiet).length;
  speaking.forEach((now, at) => {
    if (voiced[at] && hearing.voiced[at]) scores.right += 1;
    else if (voiced[at]) scores.overlooked += 1;
    else if (hearing.voiced[at]) scores.wrong += 1;
    if (!quiet(at)) return;
    scores.quietMs += 20;
    if (now) scores.mistakenMs += 20;
  });
}

export const HEAD = [
  ...[
    'missed',
    'cut',
    'never ended',
    'quiet taken for speech',
    'false starts a minute',
    'onset p50 ms',
    'onset p95 ms',
    'end p50 ms',
    'end p95 ms',
  ],
  ...['precision', 'recall', 'CPU µs a frame'],
];

export function cells(scores: Scores): string[] {
  const { said, missed, cut, neverEnded, mistakenMs, quietMs, falseStarts, right, wrong, overlooked } = scores;
  return [
    percent(missed, said),
    percent(cut, said),
    percent(neverEnded, said),
    percent(mistakenMs, quietMs),
    (falseStarts / (quietMs / 60_000)).toFixed(1),
    ...[quantile(scores.onsetsMs, 0.5), quantile(scores.onsetsMs, 0.95), quantile(scores.endsMs, 0.5), quantile(scores.endsMs, 0.95)],
    percent(right, right + wrong),
    percent(right, right + overlooked),
    (1_000 * (scores.tookMs / scores.frames)).toFixed(0),
  ];
}

const percent = (part: number, whole: number) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`);

function quantile(values: number[], share: number): string {
  return String(values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? '-');
}
