import type { CallChannel } from '../telephony/dialler.ts';
import type { CallAudio, CallDeps, OwnedCall } from './call-deps.ts';
import type { Campaign } from './campaign.ts';

/** When a campaign doesn't say. Milliseconds. */
const MAX_TALK_MS = 3_600_000;

/** The callee talks to a colleague, we don't listen any more. Resolves with how that ended; hanging up is the caller's. */
export async function whilePutThrough(
  { job, campaign }: Pick<OwnedCall, 'job'> & { campaign: Pick<Campaign, 'transfer'> },
  { channel, audio }: { channel: CallChannel; audio: Pick<CallAudio, 'leave'> },
  colleague: CallChannel,
  { leave }: Pick<CallDeps, 'leave'>,
): Promise<string> {
  const maxTalkMs = campaign.transfer?.maxTalkMs ?? MAX_TALK_MS;
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, maxTalkMs, `ended at the limit of ${Math.round(maxTalkMs / 1_000)} s`);
  const ends: [AbortSignal, string][] = [
    [channel.signal, 'the callee hung up'],
    [colleague.signal, 'the colleague hung up'],
    [job.signal, 'ended, another worker owns the call'],
    [leave, 'ended, the worker was being stopped'],
  ];
  const unlistens = ends.map(([signal, why]) => {
    const end = () => resolve(why);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    return () => signal.removeEventListener('abort', end);
  });
  try {
    await audio.leave();
    return await promise;
  } finally {
    clearTimeout(timer);
    for (const unlisten of unlistens) unlisten();
  }
}
