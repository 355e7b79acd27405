/** What the callee says as Deepgram tells it: segments that become final one by one, and what follows them and may still change. */
export interface DeepgramUtterances {
  /** What was said so far is to be made final. */
  commit(): void;
  interim(text: string): void;
  /** @param answersCommit the service made it final because it was asked to. */
  segment(text: string, answersCommit: boolean): void;
  /** When the oldest commit without an answer was made. Milliseconds, `performance.now()`. */
  readonly waitingSince: number | undefined;
  stop(): void;
}

export interface DeepgramUtterancesOptions {
  /** A commit of what holds no words isn't always answered; after so long that is the answer. Milliseconds. */
  settleMs: number;
  onInterim: (text: string) => void;
  onFinal: (text: string) => void;
}

export function createDeepgramUtterances({ settleMs, onInterim, onFinal }: DeepgramUtterancesOptions): DeepgramUtterances {
  /** Final, but not asked for yet. */
  let segments: string[] = [];
  /** What follows them. */
  let changing = '';
  /** Those without an answer, oldest first. */
  const commits: { at: number; timer: NodeJS.Timeout }[] = [];

  /** Words that were waited for beyond the time to settle are an answer, too: the service had made them final before it was asked. */
  function isAnswer(saysSo: boolean): boolean {
    const [oldest] = commits;
    return oldest !== undefined && (saysSo || performance.now() - oldest.at > settleMs);
  }

  function answer(): void {
    clearTimeout(commits.shift()?.timer);
    const text = segments.join(' ');
    segments = [];
    onFinal(text);
  }

  /** There may be nothing to make final. Words that are heard but not final yet are waited for. */
  function settle(): void {
    if (changing === '' && commits.length > 0) answer();
  }

  return {
    commit() {
      commits.push({ at: performance.now(), timer: setTimeout(settle, settleMs) });
    },
    interim(text) {
      changing = text;
      if (text !== '') onInterim([...segments, text].join(' '));
    },
    segment(text, answersCommit) {
      changing = '';
      if (text !== '') segments.push(text);
      if (isAnswer(answersCommit)) answer();
      else if (text !== '') onInterim(segments.join(' '));
    },
    get waitingSince() {
      return commits[0]?.at;
    },
    stop() {
      for (const { timer } of commits) clearTimeout(timer);
    },
  };
}
