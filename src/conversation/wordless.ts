/** What lasts as long as a word at least, and not longer than a say: noise and music are mostly shorter or longer. Milliseconds. */
const SHORTEST_MS = 400;
const LONGEST_MS = 8_000;
/** So many says without a word, and so long together: no callee is understood that badly. */
const SAYS = 3;
const TOGETHER_MS = 3_000;

/** Notices a speech-to-text that takes everything and returns no words while people speak. */
export interface WordlessWatch {
  /** Milliseconds of any clock. */
  speechBegins(atMs: number): void;
  speechEnds(atMs: number): void;
  wordsCame(): void;
  /** What was said last came back without a word, or not at all. */
  nothingCame(): void;
}

/** @param onWordless called once, and again when it goes on like that. Never after the first word of the call: such a service works. */
export function createWordlessWatch(onWordless: () => void): WordlessWatch {
  let beganMs: number | undefined;
  let lastMs: number | undefined;
  let says = 0;
  let togetherMs = 0;
  let works = false;

  return {
    speechBegins(atMs) {
      beganMs = atMs;
    },
    speechEnds(atMs) {
      lastMs = beganMs === undefined ? undefined : atMs - beganMs;
      beganMs = undefined;
    },
    wordsCame() {
      works = true;
    },
    nothingCame() {
      const ms = lastMs;
      lastMs = undefined;
      if (works || ms === undefined || ms < SHORTEST_MS || ms > LONGEST_MS) return;
      says++;
      togetherMs += ms;
      if (says < SAYS || togetherMs < TOGETHER_MS) return;
      says = 0;
      togetherMs = 0;
      onWordless();
    },
  };
}
