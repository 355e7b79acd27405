import type { DialResult } from '../telephony/dialler.ts';
import type { CallDeps, TrunkPass } from './call-deps.ts';

/** Ends a trunk's pass by what came of the dial. Answers whether it was the trunk that refused the call. */
export function tellTrunk(
  trunk: TrunkPass,
  result: DialResult,
  { telephony }: { telephony: Pick<CallDeps['telephony'], 'explain'> },
): boolean {
  const theirEnd = result.kind === 'unanswered' && !result.end.byUs ? result.end : undefined;
  const meaning = theirEnd && telephony.explain(theirEnd);
  if (theirEnd && meaning?.trunkFault) {
    trunk.failed(meaning.reason, theirEnd);
    return true;
  }
  if (result.kind === 'not-sent' && result.error.code === 'trunk-offline') trunk.failed(result.error.message);
  else if (result.kind === 'answered' || meaning) trunk.worked();
  else trunk.untold();
  return false;
}
