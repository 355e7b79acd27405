import { ServiceError, serviceError } from '../errors.ts';
import type { MediaLeg } from '../media/media-leg.ts';
import { sleep } from '../sleep.ts';

/** When a call ends, its leg may go first: so long we wait for the word that the call itself has ended. Milliseconds. */
const LEG_FIRST_MS = 1_000;

export type CallEnding = { disposition: 'hung-up'; reason: string } | { disposition: 'failed'; reason: string; error: ServiceError };

export interface CallWatch {
  /** Aborts when there is nobody to talk to any more. */
  readonly over: AbortSignal;
  /** How it came to that. */
  ending(): Promise<CallEnding>;
}

/** The call is over when its signal says so or its audio is gone, whatever comes first. */
export function watchCall(leg: MediaLeg, signal: AbortSignal): CallWatch {
  const legGone = new AbortController();
  let legError: Error | undefined;
  void leg.closed.then(({ error }) => {
    legError = error;
    legGone.abort(error ?? new Error('the media leg was closed'));
  });

  return {
    over: AbortSignal.any([signal, legGone.signal]),
    async ending() {
      if (legError !== undefined) await sleep(LEG_FIRST_MS, signal).catch(() => {});
      const fault = signal.aborted ? signal.reason : legError;
      // A reason that is a ServiceError says that something broke; any other one that somebody hung up.
      if (signal.aborted && !(fault instanceof ServiceError)) return { disposition: 'hung-up', reason: 'the callee hung up' };
      if (fault === undefined) return { disposition: 'hung-up', reason: 'the call ended' };
      const error = fault instanceof ServiceError ? fault : legLost(fault);
      return { disposition: 'failed', reason: `${error.service}: ${error.message}`, error };
    },
  };
}

function legLost(cause: Error): ServiceError {
  return serviceError(`the call's audio broke off (${cause.message})`, {
    service: 'asterisk',
    code: 'media-leg-lost',
    category: 'transient',
    cause,
  });
}
