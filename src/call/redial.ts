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
