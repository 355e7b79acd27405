/** What the callee says as a realtime session keeps it: items whose words come bit by bit, and which may be finished out of their order. */
export interface OpenAiUtterances {
  /** What was said since is to be made final. @param silent there is nothing in it that the service could be asked. */
  commit(asked: { ours: boolean; silent: boolean }): void;
  /** The service gave the oldest nameless commit a name. */
  name(itemId: string): void;
  /** The oldest nameless commit held nothing. */
  nothing(): void;
  /** More words, which may still change. */
  add(itemId: string, delta: string): void;
  finish(itemId: string, text: string): void;
  /** Everything that isn't final yet. */
  readonly words: string;
  /** When the oldest commit without an answer was made. Milliseconds, `performance.now()`. */
  readonly waitingSince: number | undefined;
}

interface Commit {
  /** Not asked for by the caller: it only keeps the service's buffer short. */
  ours: boolean;
  at: number;
  itemId: string | undefined;
  text: string | undefined;
}

/** @param onFinal in the order in which was committed, however the service finishes. */
export function createOpenAiUtterances(onFinal: (text: string) => void): OpenAiUtterances {
  const commits: Commit[] = [];
  const open = new Map<string, string>();
  const nameless = () => commits.find(({ itemId, text }) => itemId === undefined && text === undefined);

  function tell(): void {
    while (commits[0]?.text !== undefined) {
      const [{ text, ours }] = commits.splice(0, 1) as [Commit & { text: string }];
      // Nobody asked for the silence that we commit ourselves. An empty answer to the caller's commit is an answer.
      if (text !== '' || !ours) onFinal(text);
    }
  }

  return {
    commit({ ours, silent }) {
      commits.push({ ours, at: performance.now(), itemId: undefined, text: silent ? '' : undefined });
      if (silent) queueMicrotask(tell);
    },
    name(itemId) {
      const commit = nameless();
      if (commit) commit.itemId = itemId;
    },
    nothing() {
      const commit = nameless();
      if (commit) commit.text = '';
      tell();
    },
    add(itemId, delta) {
      open.set(itemId, (open.get(itemId) ?? '') + delta);
    },
    finish(itemId, text) {
      open.delete(itemId);
      const commit = commits.find((one) => one.itemId === itemId);
      if (commit) commit.text = text;
      else if (text !== '') onFinal(text);
      tell();
    },
    get words() {
      return [...open.values()]
        .map((text) => text.trim())
        .filter(Boolean)
        .join(' ');
    },
    get waitingSince() {
      return commits[0]?.at;
    },
  };
}
