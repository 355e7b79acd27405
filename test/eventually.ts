/** Looks again until it finds what it looks for, and after 60 s gives up with what it found last. */
export async function eventually<T>(look: () => Promise<T> | T): Promise<T> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
