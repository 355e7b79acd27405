/** Often at first, for most things take a moment; then less, for many tests wait on the same two processors. Milliseconds. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
const GIVE_UP_AFTER_MS = 60_000;

/** Looks again until it finds what it looks for, and after a minute gives up with what it found last. */
export async function eventually<T>(look: () => Promise<T> | T): Promise<T> {
  const giveUpAt = Date.now() + GIVE_UP_AFTER_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
