import type { ErrorAsData } from './error-as-data.ts';

/**
 * What crosses the port between the process's main thread and its media thread. Plain data only; audio is moved, not copied.
 * Legs, utterances and recordings are known by numbers that the main thread gives, so that it needn't wait for an answer to speak.
 */
export type ToThread =
  | ({ kind: 'connect'; mediaUrl: string } & NewLeg)
  | ({ kind: 'expect'; id: string } & NewLeg)
  | { kind: 'listen'; host: string; port: number; sampleRate: number; handshakeTimeoutMs: number | undefined }
  | { kind: 'speak' | 'end'; leg: number; utterance: number }
  | { kind: 'write'; leg: number; utterance: number; pcm: Uint8Array<ArrayBuffer> }
  | { kind: 'flush' | 'pause' | 'resume' | 'close'; leg: number }
  | { kind: 'pause-on-speech'; leg: number; armed: boolean }
  /** `beganAt`: goes on with the file of a thread that died; on the clock of `monotonicMs`. */
  | { kind: 'record'; recording: number; path: string; sampleRate: number; beganAt: number | undefined }
  | { kind: 'tape'; recording: number; leg: number }
  | { kind: 'stop-recording'; recording: number }
  | { kind: 'ping' }
  | { kind: 'stop' };

export type SpeechDetectorKind = 'energy' | 'silero';

/** What a media thread is told when it is started. */
export interface ThreadData {
  speechDetector: SpeechDetectorKind | undefined;
}

export interface NewLeg {
  leg: number;
  channelId: string;
  sampleRate: number;
  connectTimeoutMs: number;
  /** The callee was speaking when the leg before this one died. */
  calleeSpeaks: boolean;
}

export type FromThread =
  | { kind: 'opened'; leg: number }
  | { kind: 'not-opened'; leg: number; error: ErrorAsData }
  | { kind: 'closed'; leg: number; error?: ErrorAsData }
  | { kind: 'frame'; leg: number; pcm: Uint8Array<ArrayBuffer>; speech: SpeechData | undefined; heard: HeardData | undefined }
  | { kind: 'played'; leg: number; pcm: Uint8Array<ArrayBuffer>; heard: HeardData | undefined }
  /** The oldest write that waited may go on. */
  | { kind: 'room'; leg: number; utterance: number }
  | { kind: 'settled'; leg: number; utterance: number; heardMs: number; complete: boolean }
  | { kind: 'listening'; port: number }
  | { kind: 'not-listening'; error: ErrorAsData }
  /** `at`: on the clock of `monotonicMs`. */
  | { kind: 'recording-began'; recording: number; at: number }
  | { kind: 'recorded'; recording: number; durationMs: number; error?: ErrorAsData }
  | { kind: 'pong'; audioSocketStale: boolean }
  | { kind: 'log'; level: 'warn' | 'error'; facts: Record<string, unknown>; message: string }
  | { kind: 'stopped' };

export interface SpeechData {
  change: 'speech-start' | 'speech-end';
  /** On the clock of `monotonicMs`. */
  at: number;
  paused: boolean;
}

/** How much of an utterance has been heard. */
export interface HeardData {
  utterance: number;
  heardMs: number;
}

/** Milliseconds of the one clock that all threads of a machine share; `performance.now()` begins anew in each. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
