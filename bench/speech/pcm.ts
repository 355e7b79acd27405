/** A telephone line's. Hertz. */
export const RATE = 8_000;

/** Bytes of 20 ms. */
const FRAME = RATE / 25;

/** Frames of 20 ms. */
export function framesOf(pcm: Buffer, sampleRate = RATE): Buffer[] {
  const bytes = (FRAME * sampleRate) / RATE;
  return Array.from({ length: Math.floor(pcm.length / bytes) }, (_, i) => pcm.subarray(i * bytes, (i + 1) * bytes));
}

export function powerOf(pcm: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) sum += pcm.readInt16LE(at) ** 2;
  return sum / Math.max(1, pcm.length / 2);
}

/** dBFS. */
export function levelOf(pcm: Buffer): number {
  return 10 * Math.log10(powerOf(pcm) / 32_768 ** 2 + 1e-12);
}

/** Makes samples, clipped as a line clips them. */
export function pcmFrom(samples: number, valueAt: (i: number) => number): Buffer {
  const pcm = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i++) pcm.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(valueAt(i)))), i * 2);
  return pcm;
}

export const silence = (ms: number) => Buffer.alloc((RATE / 500) * ms);
