export interface AudioBatchOptions {
  bytesPerMs: number;
  /** Sent together, unless somebody can't wait for it. Milliseconds. */
  pieceMs: number;
  /** More than this is sent in pieces. Milliseconds; the size of a piece unless told otherwise. */
  largestMs?: number;
  send: (pcm: Buffer) => void;
}

/** Frames are collected into pieces that services want. */
export interface AudioBatch {
  push(pcm: Buffer): void;
  /** Sends what there is. False when there is nothing. */
  flush(): boolean;
}

export function createAudioBatch({ bytesPerMs, pieceMs, largestMs = pieceMs, send }: AudioBatchOptions): AudioBatch {
  let pending: Buffer[] = [];
  let bytes = 0;

  function flush(): boolean {
    const audio = Buffer.concat(pending);
    pending = [];
    bytes = 0;
    const step = largestMs * bytesPerMs;
    // None of them is empty, which a service may take for a goodbye.
    for (let at = 0; at < audio.length; at += step) send(audio.subarray(at, at + step));
    return audio.length > 0;
  }

  return {
    push(pcm) {
      pending.push(pcm);
      bytes += pcm.length;
      if (bytes >= pieceMs * bytesPerMs) flush();
    },
    flush,
  };
}

/** So long a silence, as 16-bit PCM. */
export function silence(bytesPerMs: number, ms: number): Buffer {
  return Buffer.alloc(2 * Math.round((ms * bytesPerMs) / 2));
}
