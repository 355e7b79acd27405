import type { MediaLeg, SpeechChange, Utterance } from '../media-leg.ts';
import { toData } from './error-as-data.ts';
import { type FromThread, type HeardData, monotonicMs, type SpeechData } from './messages.ts';

/** Sends a message to the main thread; what stands in `move` is gone from here. */
export type Post = (message: FromThread, move?: ArrayBuffer[]) => void;

/** A leg in the media thread, as the main thread speaks to it. */
export interface ServedLeg {
  speak(utterance: number): void;
  write(utterance: number, pcm: Uint8Array<ArrayBuffer>): void;
  end(utterance: number): void;
}

/** Tells the main thread all that happens on a leg, until it is gone. */
export function serveLeg(id: number, leg: MediaLeg, post: Post): ServedLeg {
  /** Not settled yet, in speaking order. */
  const utterances = new Map<number, Utterance>();
  let told: HeardData | undefined;

  /** What is new of what was heard. Only one utterance is being heard at a time; those before it have settled. */
  function heard(): HeardData | undefined {
    const [first] = utterances;
    if (!first) return undefined;
    const now = { utterance: first[0], heardMs: first[1].heardMs };
    if (now.heardMs === 0 || (told?.utterance === now.utterance && told.heardMs === now.heardMs)) return undefined;
    told = now;
    return now;
  }

  leg.onFrame((frame, speech) => {
    const pcm = new Uint8Array(frame);
    post({ kind: 'frame', leg: id, pcm, speech: speech && onSharedClock(speech), heard: heard() }, [pcm.buffer]);
  });
  leg.onPlayed((piece) => {
    const pcm = new Uint8Array(piece);
    post({ kind: 'played', leg: id, pcm, heard: heard() }, [pcm.buffer]);
  });
  void leg.closed.then(({ error }) => post({ kind: 'closed', leg: id, ...(error && { error: toData(error) }) }));

  return {
    speak(utterance) {
      const made = leg.speak();
      utterances.set(utterance, made);
      void made.played.then((result) => {
        utterances.delete(utterance);
        post({ kind: 'settled', leg: id, utterance, ...result });
      });
    },
    write(utterance, pcm) {
      const bytes = Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
      // Settled: its writers are told by that.
      void utterances
        .get(utterance)
        ?.write(bytes)
        .then(() => post({ kind: 'room', leg: id, utterance }));
    },
    end: (utterance) => utterances.get(utterance)?.end(),
  };
}

function onSharedClock({ change, at, paused }: SpeechChange): SpeechData {
  return { change, at: monotonicMs() - (performance.now() - at), paused };
}
