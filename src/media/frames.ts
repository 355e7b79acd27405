/** One frame is 20 ms of audio: what Asterisk sends and plays in one go. */
export const FRAME_MS = 20;

/** Signed 16-bit. */
export const BYTES_PER_SAMPLE = 2;

/** Bytes of one frame of mono PCM. Every rate that Asterisk's slin formats know gives a whole number of samples in 20 ms. */
export function bytesPerFrame(sampleRate: number): number {
  return (sampleRate / (1000 / FRAME_MS)) * BYTES_PER_SAMPLE;
}

/** Milliseconds of mono PCM, fractions included. */
export function bytesToMs(bytes: number, sampleRate: number): number {
  return (bytes / BYTES_PER_SAMPLE / sampleRate) * 1000;
}

/** Returns a function that takes PCM in pieces of any size and gives back the whole frames that are complete by now. */
export function createFrameCutter(frameBytes: number): (pcm: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (pcm) => {
    let data = rest.length === 0 ? pcm : Buffer.concat([rest, pcm]);
    const frames: Buffer[] = [];
    while (data.length >= frameBytes) {
      frames.push(data.subarray(0, frameBytes));
      data = data.subarray(frameBytes);
    }
    rest = data;
    return frames;
  };
}
