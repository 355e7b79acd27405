import { type BargeInPolicy, watchForBargeIn } from './barge-in.ts';
import type { Ear } from './listening.ts';
import type { Patience } from './patience.ts';
import type { Said, Spoken, Voice } from './speaking.ts';
import type { Transcript } from './transcript.ts';

/** A say of the agent, and what the callee made of it. */
export interface Delivery extends Said {
  /** What cut us off was the callee's greeting. */
  byGreeting: boolean;
}

/**
 * Speaks, with the callee free to barge in as the policy says, and writes what was heard into the transcript.
 * The source gets a signal that aborts at a barge-in. Throws when a service fails, the callee's patience is spent, or the call is over.
 */
export type Deliver = (
  source: (signal: AbortSignal) => Iterable<Spoken> | AsyncIterable<Spoken>,
  policy: () => BargeInPolicy,
) => Promise<Delivery>;

export interface DeliverOptions {
  ear: Ear;
  voice: Voice;
  transcript: Transcript;
  patience: Patience;
  /** Aborts when the call is over. */
  over: AbortSignal;
}

export function createDeliver({ ear, voice, transcript, patience, over }: DeliverOptions): Deliver {
  let falseAlarms = 0;

  return async (source, policy) => {
    const bargeIn = watchForBargeIn({
      ear,
      voice,
      policy,
      falseAlarmsBefore: falseAlarms,
      // A "Hello?" is the first thing said, and the model should know of it.
      onAside: (said) => (policy() === 'opening' ? transcript.callee(said) : transcript.aside(said)),
    });
    const spent = new AbortController();
    const stopWatching = patience.watch((error) => spent.abort(error));
    try {
      const signal = AbortSignal.any([over, bargeIn.signal, spent.signal]);
      const said = await voice.say(source(signal), signal);
      if (said.text !== '')
        transcript.agent({ text: said.text, atMs: said.startedAtMs ?? 0, bargedIn: said.cutOff && bargeIn.signal.aborted });
      over.throwIfAborted();
      if (said.error !== undefined) throw said.error;
      if (!bargeIn.signal.aborted) spent.signal.throwIfAborted();
      return { ...said, byGreeting: bargeIn.byGreeting };
    } finally {
      falseAlarms = bargeIn.signal.aborted ? 0 : bargeIn.falseAlarms;
      bargeIn.stop();
      await stopWatching();
    }
  };
}
