import { serviceError } from '../errors.ts';
import type { Ear } from './listening.ts';
import type { ReadyLine } from './ready-lines.ts';
import type { Voice } from './speaking.ts';

/** Quiet for this long although it is our turn: something is wrong, and the callee hears that we are still there. Milliseconds. */
const HOLD_AFTER_MS = 1_500;
/** From one holding line to the next: oftener they are a nuisance. Milliseconds. */
const HOLD_EVERY_MS = 6_000;
/** Neither side's voice for this long, although it is our turn: nobody stays on such a line. Milliseconds. */
const DEAD_AIR_MS = 10_000;
/** The guards of the services have the same patience; they end first, and know better what was wrong. Milliseconds. */
const AFTER_THE_GUARDS_MS = 1_000;
const LOOK_EVERY_MS = 100;

export interface Patience {
  /**
   * Watches while it is our turn to speak: says holding lines, and calls `onSpent` once, with a ServiceError, when the
   * callee has waited long enough. Returns how to stop, which waits until a holding line was heard.
   */
  watch(onSpent: (error: Error) => void): () => Promise<void>;
}

export interface PatienceOptions {
  ear: Pick<Ear, 'speaking'>;
  voice: Voice;
  holding: readonly ReadyLine[];
  /** What was heard of a holding line. */
  onHeld: (held: { text: string; atMs: number }) => void;
  /** Whose fault it is when there are no words, or no sound. Default: the language model's, text-to-speech's. */
  serviceOf?: { words: string; sound: string } | undefined;
  /** How long somebody waits for our next words. Milliseconds. */
  patienceMs: number;
  /** Milliseconds from the answer. */
  now: () => number;
}

/** The callee's patience with us, of one conversation. */
export function createPatience({ ear, voice, holding, onHeld, serviceOf, patienceMs, now }: PatienceOptions): Patience {
  let heldAtMs = Number.NEGATIVE_INFINITY;
  let nextLine = 0;

  function hold(line: ReadyLine): Promise<void> {
    nextLine++;
    heldAtMs = now();
    const atMs = heldAtMs;
    return voice.interject(line).then((text) => {
      if (text !== '') onHeld({ text, atMs });
    });
  }

  return {
    watch(onSpent) {
      const beganMs = now();
      let quietSinceMs = beganMs;
      let owedSinceMs = beganMs;
      let { heardMs, interjectedMs } = voice;
      let held: Promise<void> | undefined;

      function look(): void {
        const ourWords = voice.heardMs > heardMs;
        const anyVoice = ourWords || voice.interjectedMs > interjectedMs || ear.speaking;
        ({ heardMs, interjectedMs } = voice);
        if (ourWords) owedSinceMs = now();
        if (anyVoice) quietSinceMs = now();
        const quietMs = now() - quietSinceMs;
        const owedMs = now() - owedSinceMs;
        if (quietMs >= DEAD_AIR_MS || owedMs >= patienceMs + AFTER_THE_GUARDS_MS) {
          clearInterval(timer);
          onSpent(spentError(voice, Math.max(quietMs, owedMs), serviceOf));
          return;
        }
        const line = holding[nextLine % holding.length];
        // What has begun to be spoken would be heard before the holding line.
        if (line === undefined || quietMs < HOLD_AFTER_MS || now() - heldAtMs < HOLD_EVERY_MS || voice.speaking) return;
        held = hold(line);
      }

      const timer = setInterval(look, LOOK_EVERY_MS);
      return async () => {
        clearInterval(timer);
        await held;
      };
    },
  };
}

function spentError({ waitsFor }: Voice, ms: number, serviceOf = { sound: 'text-to-speech', words: 'language-model' }): Error {
  const service = { ...serviceOf, playout: 'asterisk' }[waitsFor];
  return serviceError(`nothing could be said to the callee for ${Math.round(ms / 1000)} s`, {
    service,
    code: 'patience-spent',
    category: 'transient',
  });
}
