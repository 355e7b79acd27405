import type { CallDeps, OwnedCall } from './call-deps.ts';
import { callFacts } from './call-job.ts';
import { cancelAttempt } from './cancel-attempt.ts';

/**
 * The callee asks never to be called again. Written down at the word, by whoever hears it, whoever owns the attempt by then:
 * a callee's wish is not ours to fence. What is queued for their number, in whatever campaign, is cancelled. May be repeated.
 */
export async function optOut({ attemptId, contact, campaign, job }: OwnedCall, deps: CallDeps): Promise<void> {
  const at = deps.now();
  await deps.doNotCall.add(contact.phone, { campaign: campaign.name, at, attempt: attemptId });
  for (const id of await deps.ledger.openOf(contact.phone)) {
    if (id === attemptId) continue;
    // So that Bull Board shows how it ended now, and not when it would have been due. First, because whoever looks finds the number on the list:
    // a worker killed between the two leaves nothing waiting.
    await deps.lookNow(id);
    if (await cancelAttempt(id, askedNotToBeCalled(at), deps)) job.log(`attempt ${id}, queued for the same number, is cancelled`);
  }
}

/** The same, for when the talk goes on meanwhile. */
export function optOutMeanwhile(call: OwnedCall, deps: CallDeps): void {
  call.job.log('asked not to be called again');
  void optOut(call, deps).catch((error: unknown) => {
    deps.log.error(
      { ...callFacts(call.job), err: error },
      'an opt-out could not be written down yet; it is tried again when the talk ends',
    );
  });
}

export function askedNotToBeCalled(at: number): string {
  return `asked on ${new Date(at).toISOString().slice(0, 10)} not to be called again`;
}
