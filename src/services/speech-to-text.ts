import { fault } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';

export interface SpeechToTextOptions {
  /** Of the PCM (signed 16-bit little-endian, mono) that will be sent. Hertz. */
  sampleRate: number;
  /** BCP 47. */
  language: string;
  /** Somebody begins to speak, as far as the service can hear; not every service says so. */
  onSpeech?: (() => void) | undefined;
  /** May change. */
  onInterim: (text: string) => void;
  /** Will not change: one utterance. */
  onFinal: (text: string) => void;
  /** The session is over and won't come back by itself. Called at most once. */
  onError: (error: ServiceError) => void;
  /** This service was no good just now: it is asked last. Of a `ServiceError`. */
  avoid?: string | undefined;
  /** Ends the session at once. */
  signal: AbortSignal;
}

export interface SpeechToTextSession {
  /** One frame or more. Never throws; after the end it is a no-op. */
  send(pcm: Buffer): void;
  /** The callee has paused: make what you have final. */
  commit(): void;
  /** People have spoken again and again, and not a word of it came: the session ends with an error whose code is `NO_WORDS`. */
  distrust?(): void;
  close(): void;
}

/** Streaming speech-to-text. */
export interface SpeechToText {
  /** Resolves when the service is listening; rejects with a ServiceError. */
  open(options: SpeechToTextOptions): Promise<SpeechToTextSession>;
  /** A small request of the kind that calls make, where opening a session proves too little. */
  trial?(signal: AbortSignal): Promise<void>;
}

/** The code of what a session ends with when the service took everything and understood nothing. */
export const NO_WORDS = 'no-words';

export function noWords(): Error {
  return fault(NO_WORDS, 'people spoke again and again, and not a word of it came back');
}
