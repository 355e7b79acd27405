/** What was sent and what is still to be sent, in its order. */
export type ReplayEntry = { kind: 'audio'; pcm: Buffer } | { kind: 'commit' };

export interface ReplayLogOptions {
  /** Of the audio. */
  bytesPerMs: number;
  /** An answer later than this is none: a commit of nothing but noise may never get one. Milliseconds. */
  forgottenMs: number;
}

/** The audio and the commits that the service has not answered yet: what a new session must be told again. */
export interface ReplayLog {
  push(entry: ReplayEntry): void;
  /** Forgets the oldest audio beyond `limitMs`. Commits stay: whoever made one waits for its answer. */
  trim(limitMs: number): void;
  /** The next that has not been sent. It counts as sent. */
  next(): ReplayEntry | undefined;
  readonly caughtUp: boolean;
  /** The session is lost: all of it is to be sent again, save commits that were never going to be answered. */
  rewind(): void;
  /** Something became final: the oldest commit that still waits, or else, without one, everything that was sent. */
  answered(): void;
  clear(): void;
}

export function createReplayLog({ bytesPerMs, forgottenMs }: ReplayLogOptions): ReplayLog {
  let entries: { entry: ReplayEntry; sentAt: number }[] = [];
  let sent = 0;
  let bytes = 0;
  const sizeOf = (entry: ReplayEntry): number => (entry.kind === 'audio' ? entry.pcm.length : 0);

  function drop(from: number, count: number): void {
    for (const { entry } of entries.splice(from, count)) bytes -= sizeOf(entry);
    sent -= Math.max(0, Math.min(count, sent - from));
  }

  return {
    push(entry) {
      entries.push({ entry, sentAt: 0 });
      bytes += sizeOf(entry);
    },
    trim(limitMs) {
      while (bytes > limitMs * bytesPerMs)
        drop(
          entries.findIndex(({ entry }) => entry.kind === 'audio'),
          1,
        );
    },
    next() {
      const line = entries[sent];
      if (line === undefined) return undefined;
      sent++;
      line.sentAt = performance.now();
      return line.entry;
    },
    get caughtUp() {
      return sent === entries.length;
    },
    rewind() {
      const since = performance.now() - forgottenMs;
      for (let at = sent - 1; at >= 0; at--) {
        const line = entries[at];
        if (line?.entry.kind === 'commit' && line.sentAt < since) drop(at, 1);
      }
      sent = 0;
    },
    answered() {
      const since = performance.now() - forgottenMs;
      const commit = entries.slice(0, sent).findIndex(({ entry, sentAt }) => entry.kind === 'commit' && sentAt >= since);
      drop(0, commit === -1 ? sent : commit + 1);
    },
    clear() {
      entries = [];
      sent = 0;
      bytes = 0;
    },
  };
}
