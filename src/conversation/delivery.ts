import { type BargeInPolicy, watchForBargeIn } from './barge-in.ts';
import type { Ear } from './listening.ts';
import type { Said, Spoken, Voice } from './speaking.ts';
import type { Transcript } from './transcript.ts';

/** A say of the agent, and what the callee made of it. */
export interface Delivery extends Said {
  /** What cut us off was the callee's greeting. */
  byGreeting: boolean;
}

/**
 * Speaks, with the callee free to barge in as the policy says, and writes what was heard into the transcript.
 * The source gets a signal that aborts at a barge-in. Throws when a service fails or the call is over.
 */
export type Deliver = (
  source: (signal: AbortSignal) => Iterable<Spoken> | AsyncIterable<Spoken>,
  policy: () => BargeInPolicy,
) => Promise<Delivery>;

export interface DeliverOptions {
  ear: Ear;
  voice: Voice;
  transcript: Transcript;
  /** Aborts when the call is over. */
  over: AbortSignal;
}

export function createDeliver({ ear, voice, transcript, over }: DeliverOptions): Deliver {
  return async (source, policy) => {
    const bargeIn = watchForBargeIn(ear, policy);
    try {
      const signal = AbortSignal.any([over, bargeIn.signal]);
      const said = await voice.say(source(signal), signal);
      if (said.text !== '')
        transcript.agent({ text: said.text, atMs: said.startedAtMs ?? 0, bargedIn: said.cutOff && bargeIn.signal.aborted });
      over.throwIfAborted();
      if (said.error !== undefined) throw said.error;
      return { ...said, byGreeting: bargeIn.byGreeting };
    } finally {
      bargeIn.stop();
    }
  };
}
