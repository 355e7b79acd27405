/** A word that came out of the tones, with its place in the sound. */
export interface HeardWord {
  text: string;
  /** Milliseconds from the first sample pushed. */
  startMs: number;
  endMs: number;
}
