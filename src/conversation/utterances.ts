import { createTimer } from './timer.ts';
import { createWordlessWatch } from './wordless.ts';

/** After a commit, how long the final transcript may take before we go on without it. */
const FINAL_WAIT_MS = 3_000;
/** Sound that lasts longer than this in one go isn't somebody talking to us (music, a television): it is committed as it stands. */
const MAX_UTTERANCE_MS = 30_000;
/** Words have come in that the detector didn't take for speech: after so much quiet they are committed. */
const UNDETECTED_MS = 1_500;

/** The callee's utterances, from their first sound until speech-to-text has told what was said. Times are milliseconds of one clock. */
export interface Utterances {
  /** The callee is making a sound right now. */
  readonly speaking: boolean;
  /** They are at it, or what they said isn't final yet. */
  readonly open: boolean;
  begin(atMs: number): void;
  /** A silence: what was said is to be made final. */
  end(atMs: number): void;
  interimCame(): void;
  finalCame(text: string): void;
  stop(): void;
}

export interface UtterancesOptions {
  /** Has speech-to-text make final what it has heard. */
  commit: () => void;
  /** Speech-to-text takes everything and returns no words. */
  onWordless: () => void;
  /** One goes on and on without a silence: it is to be ended. */
  onEndless: () => void;
  /** Words of somebody whom the detector doesn't hear are being made final. */
  onUndetected: () => void;
  /** No final transcript has come. */
  onNothing: () => void;
}

export function createUtterances({ commit, onWordless, onEndless, onUndetected, onNothing }: UtterancesOptions): Utterances {
  const timers = { endless: createTimer(), undetected: createTimer(), final: createTimer() };
  const wordless = createWordlessWatch(onWordless);
  let speaking = false;
  let finalsDue = 0;

  function makeFinal(): void {
    timers.endless.stop();
    timers.undetected.stop();
    finalsDue++;
    commit();
    timers.final.start(FINAL_WAIT_MS, () => {
      finalsDue = 0;
      wordless.nothingCame();
      onNothing();
    });
  }

  return {
    get speaking() {
      return speaking;
    },
    get open() {
      return speaking || finalsDue > 0 || timers.undetected.running;
    },
    begin(atMs) {
      speaking = true;
      wordless.speechBegins(atMs);
      timers.undetected.stop();
      timers.endless.start(MAX_UTTERANCE_MS, onEndless);
    },
    end(atMs) {
      speaking = false;
      wordless.speechEnds(atMs);
      makeFinal();
    },
    interimCame() {
      wordless.wordsCame();
      if (speaking || finalsDue > 0) return;
      timers.undetected.start(UNDETECTED_MS, () => {
        makeFinal();
        onUndetected();
      });
    },
    finalCame(text) {
      timers.undetected.stop();
      finalsDue = Math.max(0, finalsDue - 1);
      if (finalsDue === 0) timers.final.stop();
      if (text === '') wordless.nothingCame();
      else wordless.wordsCame();
    },
    stop() {
      for (const timer of Object.values(timers)) timer.stop();
    },
  };
}
