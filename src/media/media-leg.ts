/**
 * Audio to and from Asterisk for one call. PCM, signed 16-bit little-endian, mono, at `sampleRate`.
 * A frame is 20 ms.
 */
export interface AudioLeg {
  /** The external-media channel in Asterisk. */
  readonly channelId: string;
  /** Hertz. */
  readonly sampleRate: number;
  /** Resolves once, when the leg is gone; `error` when that wasn't asked for. */
  readonly closed: Promise<{ error?: Error }>;
  /** The callee's audio, one frame at a time. Returns the unsubscribe function. */
  onFrame(listener: (frame: Buffer) => void): () => void;
  /**
   * What the callee heard of us, in order, just after it was heard (in pieces of 100 ms or less, cut where a flush cut it; silence isn't reported).
   * Made for the recorder. Returns the unsubscribe function.
   */
  onPlayed(listener: (pcm: Buffer) => void): () => void;
  /** What we say, queued behind what is already queued: the next utterance is heard when this one has ended. */
  speak(): Utterance;
  /** Stops playout at once (silence within two frames) and drops everything queued; every unfinished utterance settles with what was heard. */
  flush(): void;
  /** Stops playout (silence within two frames) and keeps everything queued, what is written from here on too. Idempotent; ended by `resume` or `flush`. */
  pause(): void;
  /** Goes on where `pause` stopped. */
  resume(): void;
  /** True while something is queued or being heard, or would be if it were not paused. */
  readonly speaking: boolean;
  close(): Promise<void>;
}

/** A leg that knows when the callee speaks. */
export interface MediaLeg extends AudioLeg {
  /** The callee's audio, one frame at a time, with what the speech detector noticed in it. Returns the unsubscribe function. */
  onFrame(listener: (frame: Buffer, speech?: SpeechChange) => void): () => void;
  /**
   * While armed, the very frame in which the callee begins to speak pauses what we are saying, however busy the rest of the process is:
   * `paused` then says so, and somebody has to `resume` or `flush`.
   */
  pauseOnSpeech(armed: boolean): void;
}

export interface SpeechChange {
  change: 'speech-start' | 'speech-end';
  /** When it was noticed, on the clock of `performance.now()`. */
  at: number;
  /** Our playout has been paused by it. */
  paused: boolean;
}

/** One piece of speech on its way to the callee's ear. */
export interface Utterance {
  /**
   * Any number of bytes; they are not copied, so don't reuse the buffer.
   * Resolves when there is room for more (back-pressure: at most 10 s ahead of the ear). No-op after the end or a flush.
   */
  write(pcm: Buffer): Promise<void>;
  /** No more audio will come. */
  end(): void;
  /** Milliseconds of this utterance that have been heard so far. */
  readonly heardMs: number;
  /** Settles when the last frame was heard (`complete: true`), or when it was flushed or the leg died (`complete: false`). Never rejects. */
  readonly played: Promise<{ heardMs: number; complete: boolean }>;
}
