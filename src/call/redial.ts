import type { Disposition } from './outcome.ts';

export interface RedialRules {
  /** How long after an interrupted attempt the contact is called once more. Milliseconds. */
  interruptedMs: number;
}

/**
 * When the next attempt is due after this one; undefined when there is none.
 * Who was cut off by a fault of ours is called once more, some minutes later; a second fault is a human's matter.
 */
export function redialAfter(
  { disposition, endedAt }: { disposition: Disposition; endedAt: number },
  attempt: number,
  rules: RedialRules,
): number | undefined {
  return disposition === 'interrupted' && attempt === 1 ? endedAt + rules.interruptedMs : undefined;
}
