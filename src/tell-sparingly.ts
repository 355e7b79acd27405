/** How soon the same is told again, as long as it goes on. Milliseconds. */
const TELL_AGAIN_MS = 60_000;
/** Errors that begin alike are the same, whatever line of a script or port they name at their end. Characters. */
const SAME = 30;

/** For errors that come many times a second while something is ill: the first of its kind is told, and then one a minute. */
export function tellSparingly(onError: (error: Error) => void): (error: Error) => void {
  const toldAt = new Map<string, number>();
  return (error) => {
    const now = performance.now();
    for (const [kind, at] of toldAt) if (now - at > TELL_AGAIN_MS) toldAt.delete(kind);
    const kind = error.message.slice(0, SAME);
    if (toldAt.has(kind)) return;
    toldAt.set(kind, now);
    onError(error);
  };
}
