import type { Disposition } from './outcome.ts';

export interface RedialRules {
  /** How long after an interrupted attempt the contact is called once more. Milliseconds. */
  interruptedMs: number;
}

/** Somebody who always wants to be called later is left in peace after so many attempts. */
const MAX_CALL_BACKS = 5;

/**
 * When the next attempt is due after this one; undefined when there is none.
 * Who asked to be called back is called at the time they named; the admission gate still holds it to the calling hours. Who was cut off by a fault of ours is called once more, some minutes later; a second fault is a human's matter.
 */
export function redialAfter(
  { disposition, endedAt, callBackAt }: { disposition: Disposition; endedAt: number; callBackAt?: number | undefined },
  attempt: number,
  rules: RedialRules,
): number | undefined {
  if (callBackAt !== undefined && disposition !== 'opted-out') return attempt <= MAX_CALL_BACKS ? callBackAt : undefined;
  return disposition === 'interrupted' && attempt === 1 ? endedAt + rules.interruptedMs : undefined;
}

/** A number that its trunk refuses so often, while the trunk is thought to be well, is a matter of that number: forty minutes in all, when the first wait is 10 s. */
const REFUSED_REDIALS = 8;
/** The same when it was the trial of a trunk that was known to be ill: most of a day. */
const TRIAL_REDIALS = 25;
/** Milliseconds. */
const LONGEST_WAIT_MS = 3_600_000;

/** When a contact is dialled again whose call the trunk refused, so that nobody's phone rang; undefined when that is enough. Each wait is twice the one before. Milliseconds. */
export function redialAfterRefusal({ attempt, trial, firstMs }: { attempt: number; trial: boolean; firstMs: number }): number | undefined {
  if (attempt > (trial ? TRIAL_REDIALS : REFUSED_REDIALS)) return undefined;
  return Math.min(Math.max(LONGEST_WAIT_MS, firstMs), firstMs * 2 ** (attempt - 1));
}
