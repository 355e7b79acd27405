import { sleep } from '../sleep.ts';

/** What was last seen of something that may hang. */
export interface Watched<T> {
  /** Undefined until the first look has succeeded. */
  value: T | undefined;
  /** Of the last look that succeeded. Unix milliseconds. */
  readAt: number | undefined;
  /** The last look failed. */
  failed: boolean;
}

export interface Watch<T> {
  /** At once, always. */
  latest(): Watched<T>;
  stop(): void;
}

/** Looks again and again, one look at a time, so that whoever asks never waits for it. */
export function startWatch<T>(look: () => Promise<T>, everyMs: number): Watch<T> {
  const stopping = new AbortController();
  let watched: Watched<T> = { value: undefined, readAt: undefined, failed: false };
  const lookOnce = async () => {
    try {
      watched = { value: await look(), readAt: Date.now(), failed: false };
    } catch {
      watched = { ...watched, failed: true };
    }
  };
  void (async () => {
    while (!stopping.signal.aborted) {
      await lookOnce();
      await sleep(everyMs, stopping.signal).catch(() => {});
    }
  })();
  return { latest: () => watched, stop: () => stopping.abort() };
}
