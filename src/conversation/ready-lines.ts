/** A line whose sound is there before anybody needs it. PCM at the leg's rate, signed 16-bit little-endian, mono. */
export interface ReadyLine {
  text: string;
  pcm: Buffer;
}

/** What can be said while no service works. */
export interface ReadyLines {
  /** Undefined: it has to be synthesized, if that is possible. */
  apology?: ReadyLine | undefined;
  /** Lines of our own by their text. */
  pcmOf: ReadonlyMap<string, Buffer>;
}

export const NOTHING_READY: ReadyLines = { pcmOf: new Map() };
