import { createListeners } from '../listeners.ts';
import { mediaError } from '../media-error.ts';
import type { MediaLeg, SpeechChange } from '../media-leg.ts';
import { fromData } from './error-as-data.ts';
import { type FromThread, type HeardData, monotonicMs, type SpeechData, type ToThread } from './messages.ts';
import { createRemoteUtterance, type RemoteUtterance } from './remote-utterance.ts';

/** What the thread tells of one leg. */
export type LegNews = Extract<FromThread, { leg: number }>;

export interface RemoteLegOptions {
  /** The thread's name for it. */
  id: number;
  channelId: string;
  sampleRate: number;
  post: (message: ToThread, move?: ArrayBuffer[]) => void;
}

export interface RemoteLeg {
  readonly id: number;
  readonly leg: MediaLeg;
  /** Resolves when it can be spoken on; rejects when it can't be had. */
  readonly opened: Promise<void>;
  onNews(news: LegNews): void;
  /** It is gone, and the thread won't tell any more. `error` when that wasn't asked for. */
  lose(error: Error | undefined): void;
}

/** The main thread's end of a leg that lives in the media thread. */
export function createRemoteLeg({ id, channelId, sampleRate, post }: RemoteLegOptions): RemoteLeg {
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<{ error?: Error }>();
  const fail = (cause: unknown) => {
    lose(mediaError(channelId, 'media-listener', 'a listener to its audio failed', { cause }));
    post({ kind: 'close', leg: id });
  };
  const frames = createListeners<{ frame: Buffer; speech: SpeechChange | undefined }>(fail);
  const played = createListeners<Buffer>(fail);
  /** Not settled yet. */
  const utterances = new Map<number, RemoteUtterance>();
  let dropped = new Set<RemoteUtterance>();
  let utterancesMade = 0;
  let over = false;
  let asked = false;

  function noteHeard(heard: HeardData | undefined): void {
    if (heard) utterances.get(heard.utterance)?.heard(heard.heardMs);
  }

  function lose(error: Error | undefined): void {
    if (over) return;
    over = true;
    opened.reject(error);
    for (const remote of utterances.values()) remote.settle({ heardMs: remote.utterance.heardMs, complete: false });
    utterances.clear();
    closed.resolve(error && !asked ? { error } : {});
  }

  function onNews(news: LegNews): void {
    if (over) return;
    switch (news.kind) {
      case 'opened':
        opened.resolve();
        break;
      case 'not-opened':
        lose(fromData(news.error));
        break;
      case 'closed':
        lose(news.error && fromData(news.error));
        break;
      case 'frame':
        noteHeard(news.heard);
        frames.emit({ frame: toBuffer(news.pcm), speech: news.speech && onOurClock(news.speech) });
        break;
      case 'played':
        noteHeard(news.heard);
        played.emit(toBuffer(news.pcm));
        break;
      case 'room':
        utterances.get(news.utterance)?.room();
        break;
      case 'settled': {
        const remote = utterances.get(news.utterance);
        utterances.delete(news.utterance);
        if (remote) dropped.delete(remote);
        remote?.settle({ heardMs: news.heardMs, complete: news.complete });
        break;
      }
      default:
        news satisfies never;
    }
  }

  function speak() {
    const utterance = ++utterancesMade;
    const remote = createRemoteUtterance({ leg: id, id: utterance, sampleRate, post });
    if (over) remote.settle({ heardMs: 0, complete: false });
    else {
      utterances.set(utterance, remote);
      post({ kind: 'speak', leg: id, utterance });
    }
    return remote.utterance;
  }

  // Nobody has to wait for it.
  opened.promise.catch(() => {});
  const leg: MediaLeg = {
    channelId,
    sampleRate,
    closed: closed.promise,
    onFrame: (listener) => frames.add(({ frame, speech }) => listener(frame, speech)),
    onPlayed: played.add,
    speak,
    flush() {
      dropped = new Set(utterances.values());
      for (const remote of dropped) remote.drop();
      post({ kind: 'flush', leg: id });
    },
    pause: () => post({ kind: 'pause', leg: id }),
    resume: () => post({ kind: 'resume', leg: id }),
    pauseOnSpeech: (armed) => post({ kind: 'pause-on-speech', leg: id, armed }),
    get speaking() {
      return [...utterances.values()].some((remote) => remote.unheard && !dropped.has(remote));
    },
    async close() {
      asked ||= !over;
      post({ kind: 'close', leg: id });
      await closed.promise;
    },
  };
  return { id, leg, opened: opened.promise, onNews, lose };
}

/** A view, not a copy: the bytes were moved here. */
function toBuffer(pcm: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

function onOurClock({ change, at, paused }: SpeechData): SpeechChange {
  return { change, at: performance.now() - (monotonicMs() - at), paused };
}
