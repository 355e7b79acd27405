/** When contacts that can't be called now are looked at again. */
export interface LookAgain {
  /** Between two contacts of a campaign. Milliseconds. */
  readonly stepMs: number;
  /** The time of the campaign's next `count` contacts: of the first of them, the others follow in steps. Unix milliseconds. */
  next(campaign: string, count?: number): number;
}

export interface LookAgainOptions {
  /** Not sooner. Milliseconds. */
  waitMs: number;
  /** Of one campaign in one process. */
  looksPerSecond: number;
  now: () => number;
}

/**
 * Spread, so that an outage costs a bounded number of looks a second however many contacts wait for its end, and so that they come back
 * one after the other. A campaign each: a few contacts don't wait behind somebody else's million.
 */
export function createLookAgain({ waitMs, looksPerSecond, now }: LookAgainOptions): LookAgain {
  const stepMs = 1_000 / looksPerSecond;
  const nextAt = new Map<string, number>();
  return {
    stepMs,
    next(campaign, count = 1) {
      const at = Math.max(now() + waitMs, nextAt.get(campaign) ?? 0);
      nextAt.set(campaign, at + count * stepMs);
      return Math.round(at);
    },
  };
}
