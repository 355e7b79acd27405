import { sleep } from '../sleep.ts';
import type { CallChannel } from '../telephony/dialler.ts';
import type { CallDeps, Ending, OwnedCall } from './call-deps.ts';
import type { Campaign } from './campaign.ts';

/** When a campaign doesn't say. Milliseconds. */
const MAX_TALK_MS = 3_600_000;
/** Longer than this two people don't wait for a ledger that is silent. Milliseconds. */
export const NOTE_MS = 2_000;

/** How soon a ledger that refused is told again to whom a callee was put through. Milliseconds. */
const NOTE_AGAIN_MS = 1_000;

/** What the ledger keeps of a callee who talks with a colleague. Whoever takes the call over lets them talk, and knows what to tell. */
export interface PutThrough {
  /** The campaign's name for the colleague. */
  to: string;
  /** Their channels. */
  calleeId: string;
  colleagueId: string;
  /** Unix milliseconds. */
  at: number;
  /** What there is to tell of the call so far. */
  ending: Partial<Ending>;
}

export interface TalkOfTwo {
  callee: Pick<CallChannel, 'signal' | 'letGo'>;
  colleague: Pick<CallChannel, 'signal' | 'letGo'>;
  /** Unix milliseconds. */
  at: number;
}

/** How their talk ended. `letGo`: not at all, somebody else watches over it now. */
export interface TalkEnd {
  reason: string;
  talkMs: number;
  letGo: boolean;
}

/** Until the ledger knows of them, a worker's death would cut off the two and have the callee called again: it is told for as long as they talk. Never rejects. */
export async function noteWhileTheyTalk(
  note: () => Promise<unknown>,
  { signal, onWait }: { signal: AbortSignal; onWait: (error: unknown) => void },
): Promise<void> {
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      await note();
      return;
    } catch (error) {
      if (tries === 0) onWait(error);
      await sleep(NOTE_AGAIN_MS, signal).catch(() => {});
    }
  }
}

/** The callee talks to a colleague, we don't listen. Resolves with how that ended; hanging up is the caller's. */
export async function whilePutThrough(
  { job, campaign }: Pick<OwnedCall, 'job'> & { campaign: Pick<Campaign, 'transfer'> },
  { callee, colleague, at }: TalkOfTwo,
  { leave, now }: Pick<CallDeps, 'leave' | 'now'>,
): Promise<TalkEnd> {
  const maxTalkMs = campaign.transfer?.maxTalkMs ?? MAX_TALK_MS;
  const { promise, resolve } = Promise.withResolvers<{ reason: string; letGo?: true }>();
  const timer = setTimeout(resolve, Math.max(0, at + maxTalkMs - now()), {
    reason: `ended at the limit of ${Math.round(maxTalkMs / 1_000)} s`,
  });
  const ends: [AbortSignal, { reason: string; letGo?: true }][] = [
    [job.signal, { reason: 'another worker watches over the call', letGo: true }],
    [callee.signal, { reason: 'the callee hung up' }],
    [colleague.signal, { reason: 'the colleague hung up' }],
    [leave, { reason: 'ended, the worker was being stopped' }],
  ];
  const unlistens = ends.map(([signal, how]) => {
    const end = () => resolve(how);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    return () => signal.removeEventListener('abort', end);
  });
  try {
    const { reason, letGo = false } = await promise;
    if (letGo) for (const channel of [callee, colleague]) channel.letGo();
    return { reason, letGo, talkMs: Math.max(0, now() - at) };
  } finally {
    clearTimeout(timer);
    for (const unlisten of unlistens) unlisten();
  }
}
