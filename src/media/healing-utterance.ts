import { BYTES_PER_SAMPLE, bytesToMs } from './frames.ts';
import type { AudioLeg, Utterance } from './media-leg.ts';

/** An utterance that outlives the leg on which it began. */
export interface HealingUtterance {
  readonly utterance: Utterance;
  /** Something of it was heard already. */
  readonly begun: boolean;
  /** It has lost its leg, and something is still to be said. */
  readonly waiting: boolean;
  /** Says what was not heard yet on this leg. */
  sayOn(leg: AudioLeg): void;
  /** When its leg settles it, that is final; when it has none, it is settled now. */
  giveUp(): void;
}

/** `onSettled` is called once, when nothing of it will be said any more. */
export function createHealingUtterance(sampleRate: number, onSettled: () => void): HealingUtterance {
  const played = Promise.withResolvers<{ heardMs: number; complete: boolean }>();
  /** Writers wait for it while there is no leg. */
  let onLeg = Promise.withResolvers<void>();
  /** What may have to be said again. Begins at `keptFromMs` of the utterance. */
  let kept: Buffer[] = [];
  let keptFromMs = 0;
  /** Heard on the legs before this one. */
  let heardBeforeMs = 0;
  let inner: Utterance | undefined;
  let ended = false;
  let final = false;
  let settled: { heardMs: number; complete: boolean } | undefined;

  const heardMs = () => settled?.heardMs ?? heardBeforeMs + (inner?.heardMs ?? 0);

  function settle(complete: boolean): void {
    if (settled) return;
    settled = { heardMs: heardMs(), complete };
    kept = [];
    onLeg.resolve();
    played.resolve(settled);
    onSettled();
  }

  function forgetHeard(): void {
    for (let [first] = kept; first; [first] = kept) {
      const endsMs = keptFromMs + bytesToMs(first.length, sampleRate);
      if (endsMs > heardMs()) return;
      kept.shift();
      keptFromMs = endsMs;
    }
  }

  function loseLeg(heardOnLegMs: number): void {
    heardBeforeMs += heardOnLegMs;
    inner = undefined;
    onLeg = Promise.withResolvers();
    if (final) settle(false);
  }

  return {
    utterance: {
      async write(pcm) {
        if (settled || ended || final) return;
        forgetHeard();
        kept.push(pcm);
        if (inner) await inner.write(pcm);
        else await onLeg.promise;
      },
      end() {
        ended = true;
        inner?.end();
      },
      get heardMs() {
        return heardMs();
      },
      played: played.promise,
    },
    get begun() {
      return heardMs() > 0;
    },
    get waiting() {
      return !inner && !settled;
    },
    sayOn(leg) {
      if (settled) return;
      const mine = leg.speak();
      inner = mine;
      const skip = Math.round(((heardBeforeMs - keptFromMs) * sampleRate) / 1000) * BYTES_PER_SAMPLE;
      const rest = Buffer.concat(kept).subarray(skip);
      kept = rest.length > 0 ? [rest] : [];
      keptFromMs = heardBeforeMs;
      void mine.write(rest).then(onLeg.resolve);
      if (ended) mine.end();
      void mine.played.then((result) => {
        if (settled) return;
        if (result.complete) settle(true);
        else loseLeg(result.heardMs);
      });
    },
    giveUp() {
      final = true;
      if (!inner) settle(false);
    },
  };
}
