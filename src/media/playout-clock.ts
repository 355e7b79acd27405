import { FRAME_MS } from './frames.ts';

/**
 * How far playout has come. Positions are bytes of whole frames since the leg began.
 * Marks say it for sure; between two marks Asterisk plays in real time, so the clock fills in, at most up to the next mark.
 * Every byte that was sent must lie before some mark.
 */
export interface PlayoutClock<Tag> {
  readonly sent: number;
  readonly heardForSure: number;
  /** Best knowledge of this moment. Never goes back. */
  heard(): number;
  addSent(bytes: number): void;
  /** A new mark at the end of what was sent; `tag` comes back when it is reached. */
  mark(tag?: Tag): string;
  /** The tags of all marks that are reached now; undefined for a mark that isn't (or no longer) ours. */
  reached(mark: string): Tag[] | undefined;
  /** What wasn't heard never will be. */
  flush(): void;
  /** The oldest mark not reached. */
  readonly awaitedMark: string | undefined;
}

export function createPlayoutClock<Tag>(frameBytes: number, now: () => number): PlayoutClock<Tag> {
  let sent = 0;
  let heardForSure = 0;
  let heardForSureAt = 0;
  let marks: { mark: string; position: number; tag: Tag | undefined }[] = [];
  let marksMade = 0;

  return {
    get sent() {
      return sent;
    },
    get heardForSure() {
      return heardForSure;
    },
    get awaitedMark() {
      return marks[0]?.mark;
    },
    heard() {
      const limit = marks[0]?.position ?? sent;
      const elapsedFrames = Math.floor((now() - heardForSureAt) / FRAME_MS);
      return Math.min(limit, heardForSure + elapsedFrames * frameBytes);
    },
    addSent(bytes) {
      // Nothing was being played: playing begins with this audio.
      if (marks.length === 0) heardForSureAt = now();
      sent += bytes;
    },
    mark(tag) {
      const mark = `m${++marksMade}`;
      marks.push({ mark, position: sent, tag });
      return mark;
    },
    reached(mark) {
      const index = marks.findIndex((candidate) => candidate.mark === mark);
      if (index < 0) return undefined;
      // They are reported in order, so one that got lost was passed too.
      const passed = marks.splice(0, index + 1);
      heardForSure = passed.at(-1)?.position ?? heardForSure;
      heardForSureAt = now();
      return passed.flatMap(({ tag }) => (tag === undefined ? [] : [tag]));
    },
    flush() {
      marks = [];
      heardForSure = sent;
    },
  };
}
