/** How somebody ends a talk who doesn't want to be called again. */
export interface OptedOut {
  disposition: 'opted-out';
  /** For a human. */
  reason: string;
}

export const OPTED_OUT: OptedOut = { disposition: 'opted-out', reason: 'the callee asked not to be called again' };
const OPTED_OUT_BY_KEY: OptedOut = { disposition: 'opted-out', reason: 'the callee pressed the key that opts out' };

/** The callee's wish never to be called again. From its first sign on it is known, whatever becomes of the call. */
export interface OptOutWish {
  said(): void;
  keyPressed(): void;
  /** Aborts at the key: nothing else matters any more. Words are left to whoever hears them. */
  readonly byKey: AbortSignal;
  /** Undefined: there is no such wish. */
  readonly outcome: OptedOut | undefined;
}

/** @param onWish called once, at the first sign of it */
export function createOptOutWish(onWish: () => void): OptOutWish {
  const key = new AbortController();
  let outcome: OptedOut | undefined;

  function note(how: OptedOut): void {
    if (outcome !== undefined) return;
    outcome = how;
    onWish();
  }

  return {
    said: () => note(OPTED_OUT),
    keyPressed() {
      note(OPTED_OUT_BY_KEY);
      key.abort(new Error(OPTED_OUT_BY_KEY.reason));
    },
    byKey: key.signal,
    get outcome() {
      return outcome;
    },
  };
}
