import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../sleep.ts';
import { createHealingUtterance, type HealingUtterance } from './healing-utterance.ts';
import { createListeners } from './listeners.ts';
import { mediaError } from './media-error.ts';
import type { MediaLeg, SpeechChange } from './media-leg.ts';

/** A new leg takes 20 ms when Asterisk is well. Longer than this, and nobody is there to talk to any more. */
const HEAL_WITHIN_MS = 5_000;
/** Before the first try, the second and so on; then always the longest. */
const TRY_AFTER_MS: readonly number[] = [0, 100, 250, 500];
const LONGEST_WAIT_MS = 1_000;
/** A gap as short as this is no more than a bad line: we go on in the middle of the word. After a longer one that would not be understood. */
const GO_ON_WITHIN_MS = 1_000;
/** Legs that die this often die of something that a new one doesn't cure. */
const MAX_REPLACEMENTS = 5;

export interface HealingLegOptions {
  first: MediaLeg;
  /**
   * Another one, ready and wherever the dead one was, that knows whether the callee is in the middle of a word. Rejects when there is none to be had now.
   * The signal ends the opening, not what was opened.
   */
  reopen: (signal: AbortSignal, calleeSpeaks: boolean) => Promise<MediaLeg>;
  logger: Pick<Logger, 'info' | 'warn'>;
  /** Aborts with the call. */
  signal: AbortSignal;
}

export interface HealingLeg extends MediaLeg {
  /** Resolves while there is a living leg, and when there will be none any more. */
  whole(): Promise<void>;
}

/**
 * A leg that is replaced when it dies while the call lives. What was being said goes on where it was cut, when the gap is short; else it is settled as heard
 * so far. What was not begun is said on the new leg. `closed` resolves when no leg can be had any more.
 */
export function createHealingLeg({ first, reopen, logger, signal }: HealingLegOptions): HealingLeg {
  const { sampleRate } = first;
  const closed = Promise.withResolvers<{ error?: Error }>();
  const over = new AbortController();
  const onListenerFailure = (cause: unknown) => {
    end(mediaError(current.channelId, 'media-listener', 'a listener to its audio failed', { cause }));
    void current.close();
  };
  const frames = createListeners<{ frame: Buffer; speech: SpeechChange | undefined }>(onListenerFailure);
  const played = createListeners<Buffer>(onListenerFailure);
  const utterances = new Set<HealingUtterance>();
  let current = first;
  let healing: Promise<void> | undefined;
  let replacements = 0;
  let paused = false;
  let armed = false;
  let calleeSpeaks = false;

  function adopt(leg: MediaLeg): void {
    current = leg;
    leg.onFrame((frame, speech) => {
      if (speech) calleeSpeaks = speech.change === 'speech-start';
      if (speech?.paused) paused = true;
      frames.emit({ frame, speech });
    });
    leg.onPlayed(played.emit);
    if (paused) leg.pause();
    if (armed) leg.pauseOnSpeech(true);
    for (const utterance of utterances) utterance.sayOn(leg);
    void leg.closed.then(({ error }) => {
      if (over.signal.aborted) return;
      if (!error || isIncurable(error) || ++replacements > MAX_REPLACEMENTS) return end(error);
      healing = heal(error).finally(() => {
        healing = undefined;
      });
    });
  }

  function end(error: Error | undefined): void {
    if (over.signal.aborted) return;
    signal.removeEventListener('abort', onAbort);
    over.abort();
    for (const utterance of [...utterances]) utterance.giveUp();
    closed.resolve(error ? { error } : {});
  }

  function settleBegun(): void {
    for (const utterance of [...utterances]) if (utterance.begun) utterance.giveUp();
  }

  async function heal(death: Error): Promise<void> {
    const diedAt = performance.now();
    const dead = current.channelId;
    logger.warn({ err: death, channelId: dead }, "a call's media leg died; opening another");
    // Long dead when it was noticed: nobody knows any more in which word we were.
    if (!isSudden(death)) settleBegun();
    const timer = setTimeout(settleBegun, GO_ON_WITHIN_MS);
    try {
      adopt(await reopenSoon());
      logger.info({ channelId: current.channelId, afterMs: Math.round(performance.now() - diedAt) }, "a call's media leg was replaced");
    } catch (error) {
      if (over.signal.aborted) return;
      logger.warn({ err: error, channelId: dead }, "a call's media leg could not be replaced");
      end(death);
    } finally {
      clearTimeout(timer);
    }
  }

  async function reopenSoon(): Promise<MediaLeg> {
    const deadline = AbortSignal.timeout(HEAL_WITHIN_MS);
    const stop = AbortSignal.any([over.signal, deadline]);
    for (let tries = 0; ; tries++) {
      await sleep(TRY_AFTER_MS[tries] ?? LONGEST_WAIT_MS, stop);
      try {
        const leg = await reopen(stop, calleeSpeaks);
        if (!over.signal.aborted) return leg;
        await leg.close();
      } catch (error) {
        if (stop.aborted || isIncurable(error)) throw error;
      }
    }
  }

  const onAbort = () => void close();
  async function close(): Promise<void> {
    end(undefined);
    await Promise.all([current.close(), healing]);
  }

  signal.addEventListener('abort', onAbort, { once: true });
  adopt(first);
  if (signal.aborted) onAbort();

  return {
    get channelId() {
      return current.channelId;
    },
    sampleRate,
    closed: closed.promise,
    onFrame: (listener) => frames.add(({ frame, speech }) => listener(frame, speech)),
    onPlayed: played.add,
    speak() {
      const made = createHealingUtterance(sampleRate, () => utterances.delete(made));
      utterances.add(made);
      if (over.signal.aborted) made.giveUp();
      else if (!healing) made.sayOn(current);
      return made.utterance;
    },
    pause() {
      paused = true;
      current.pause();
    },
    resume() {
      paused = false;
      current.resume();
    },
    pauseOnSpeech(on) {
      armed = on;
      current.pauseOnSpeech(on);
    },
    flush() {
      paused = false;
      for (const utterance of [...utterances]) utterance.giveUp();
      current.flush();
    },
    get speaking() {
      return current.speaking || [...utterances].some((utterance) => utterance.waiting);
    },
    async whole() {
      while (healing) await healing;
    },
    close,
  };
}

/** Another leg would die of it too. */
function isIncurable(error: unknown): boolean {
  return error instanceof ServiceError && error.category !== 'transient';
}

/** Known in the moment it happened, as against a leg that was found dead. */
function isSudden(error: Error): boolean {
  return error instanceof ServiceError && (error.code === 'media-lost' || error.code === 'media-closed');
}
