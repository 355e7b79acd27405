import { bytesToMs } from '../frames.ts';
import type { Utterance } from '../media-leg.ts';
import type { ToThread } from './messages.ts';

export interface RemoteUtterance {
  readonly utterance: Utterance;
  /** Something of it is still to be heard. */
  readonly unheard: boolean;
  /** So much of it was heard. */
  heard(heardMs: number): void;
  /** The oldest write that waits may go on. */
  room(): void;
  /** It was flushed: nothing more of it will be heard, and how much was is on its way. */
  drop(): void;
  settle(result: { heardMs: number; complete: boolean }): void;
}

export interface RemoteUtteranceOptions {
  leg: number;
  id: number;
  sampleRate: number;
  post: (message: ToThread, move?: ArrayBuffer[]) => void;
}

/** What the main thread knows of an utterance that is spoken in the media thread. */
export function createRemoteUtterance({ leg, id, sampleRate, post }: RemoteUtteranceOptions): RemoteUtterance {
  const played = Promise.withResolvers<{ heardMs: number; complete: boolean }>();
  let writers: (() => void)[] = [];
  let writtenBytes = 0;
  let heardMs = 0;
  let ended = false;

  function end(): void {
    ended = true;
    for (const resolve of writers) resolve();
    writers = [];
  }

  return {
    utterance: {
      async write(pcm) {
        if (ended || pcm.length === 0) return;
        writtenBytes += pcm.length;
        // Copied, to be moved: whoever wrote it may keep it to say it again.
        const bytes = new Uint8Array(pcm);
        post({ kind: 'write', leg, utterance: id, pcm: bytes }, [bytes.buffer]);
        await new Promise<void>((resolve) => writers.push(resolve));
      },
      end() {
        if (ended) return;
        ended = true;
        post({ kind: 'end', leg, utterance: id });
      },
      get heardMs() {
        return heardMs;
      },
      played: played.promise,
    },
    get unheard() {
      return heardMs < Math.round(bytesToMs(writtenBytes, sampleRate));
    },
    heard(ms) {
      heardMs = ms;
    },
    room() {
      writers.shift()?.();
    },
    drop: end,
    settle(result) {
      end();
      heardMs = result.heardMs;
      played.resolve(result);
    },
  };
}
