import { SingleBar } from 'cli-progress';
import type { UnpackProgress } from './debian-packages.ts';

/** Where each step begins and ends on the bar, in percent: shares of the time that it takes. */
const STEPS = {
  index: { from: 0, to: 15, words: 'reading the list of packages' },
  download: { from: 15, to: 80, words: 'downloading' },
  unpack: { from: 80, to: 100, words: 'unpacking' },
} as const;

/** Shows how far an unpacking has come: a bar on a terminal, a line a step elsewhere. Nothing at all until there is something to show. */
export function createUnpackDisplay(what: string, stream: NodeJS.WriteStream = process.stderr) {
  let bar: SingleBar | undefined;
  let lastStep: string | undefined;
  return {
    onProgress({ step, done }: UnpackProgress): void {
      const { from, to, words } = STEPS[step];
      if (!stream.isTTY) {
        if (step !== lastStep) stream.write(`${what}: ${words}\n`);
        lastStep = step;
        return;
      }
      if (bar === undefined) {
        bar = new SingleBar({ format: `${what} [{bar}] {percentage}% {words}`, stream, hideCursor: true, clearOnComplete: true });
        bar.start(100, 0, { words });
      }
      bar.update(Math.round(from + (to - from) * done), { words });
    },
    end(): void {
      bar?.stop();
    },
  };
}
