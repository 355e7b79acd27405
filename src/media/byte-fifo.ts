/** Sound that waits, in pieces of any size. */
export interface ByteFifo {
  readonly length: number;
  push(pcm: Buffer): void;
  /** The first `bytes`, or what there is. */
  take(bytes: number): Buffer;
  clear(): void;
}

export function createByteFifo(): ByteFifo {
  let pieces: Buffer[] = [];
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(pcm) {
      pieces.push(pcm);
      length += pcm.length;
    },
    take(bytes) {
      const taken: Buffer[] = [];
      let missing = Math.min(bytes, length);
      length -= missing;
      while (missing > 0) {
        const piece = pieces.shift() ?? Buffer.alloc(0);
        if (piece.length > missing) pieces.unshift(piece.subarray(missing));
        taken.push(piece.subarray(0, missing));
        missing -= Math.min(missing, piece.length);
      }
      const [only] = taken;
      return only !== undefined && taken.length === 1 ? only : Buffer.concat(taken);
    },
    clear() {
      pieces = [];
      length = 0;
    },
  };
}
