/** Tells speech from silence in the callee's audio, frame by frame (20 ms of PCM, signed 16-bit little-endian, mono). */
export interface SpeechDetector {
  /** Returns what changed with this frame. `speech-end` comes after the hang-over: `silenceMs` of quiet. */
  push(frame: Buffer): 'speech-start' | 'speech-end' | undefined;
  readonly speaking: boolean;
}
