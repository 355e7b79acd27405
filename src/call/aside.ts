import { type AnswerWatch, watchAnswer } from '../conversation/answered-by.ts';
import { createEar, type Ear } from '../conversation/listening.ts';
import type { SpeechToText } from '../services/speech-to-text.ts';
import { sleep } from '../sleep.ts';
import type { CallAudio, CallDeps, OwnedCall } from './call-deps.ts';
import type { Campaign } from './campaign.ts';

/**
 * Somebody who has stopped talking for so long has finished. Milliseconds of their audio, after the detector's own half second: people answer an announcement
 * half a second after it, and what they answer is for the callee.
 */
const PAUSE_MS = 100;
/** Who talks on after they were told who is coming may be a machine: so long it has to give itself away. Milliseconds. */
const GREETING_MS = 8_000;
const LOOK_EVERY_MS = 20;

/** Where there is none: a beep, or a greeting without end, still gives a machine away. */
const NO_WORDS: SpeechToText = { open: async () => ({ send() {}, commit() {}, close() {} }) };

/** A word with the colleague alone, over a leg of its own. */
export interface Aside {
  /** Listens to who is there, and says this as soon as it can be said. Rejects when the leg breaks. */
  tell(channelId: string, announcement: Promise<Buffer | undefined>, signal: AbortSignal): Promise<'told' | 'machine'>;
  close(): Promise<void>;
}

export type AsideDeps = Pick<CallDeps, 'openAudio' | 'now' | 'colleagueEars'>;

/** Opened before their phone rings. Rejects with a ServiceError. */
export async function openAside(
  call: Pick<OwnedCall, 'attemptId' | 'epoch'> & { campaign: Pick<Campaign, 'language'> },
  { openAudio, now, colleagueEars = NO_WORDS }: AsideDeps,
  signal: AbortSignal,
): Promise<Aside> {
  const audio = await openAudio(call, signal);
  const over = new AbortController();
  const ear = createEar({
    leg: audio.leg,
    speechToText: colleagueEars,
    language: call.campaign.language,
    now,
    signal: AbortSignal.any([signal, over.signal]),
  });

  return {
    async tell(channelId, announcement, whole) {
      const until = AbortSignal.any([whole, over.signal]);
      await audio.join(channelId);
      ear.start();
      const watch = watchAnswer({ ear, leg: audio.leg, settled: () => false, signal: until });
      await play(audio, announcement, AbortSignal.any([until, watch.signal]));
      await untilFinished(ear, watch, until);
      return watch.machine === undefined ? 'told' : 'machine';
    },
    async close() {
      over.abort(new Error('the colleague was told'));
      await audio.close();
    },
  };
}

async function play({ leg }: CallAudio, announcement: Promise<Buffer | undefined>, signal: AbortSignal): Promise<void> {
  const { promise: calledOff, resolve } = Promise.withResolvers<undefined>();
  const stop = () => {
    resolve(undefined);
    leg.flush();
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const pcm = await Promise.race([announcement, calledOff]);
  if (pcm !== undefined && !signal.aborted) {
    const utterance = leg.speak();
    void utterance.write(pcm);
    utterance.end();
    await utterance.played;
  }
  signal.removeEventListener('abort', stop);
}

async function untilFinished(ear: Pick<Ear, 'speaking'>, watch: AnswerWatch, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < GREETING_MS; waitedMs += LOOK_EVERY_MS) {
    if (signal.aborted || watch.machine !== undefined || (!ear.speaking && watch.quietMs >= PAUSE_MS)) return;
    await sleep(LOOK_EVERY_MS, signal).catch(() => {});
  }
}
