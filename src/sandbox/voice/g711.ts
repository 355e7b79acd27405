/** G.711 companding (ITU-T G.711), a byte a sample, as telephone trunks carry it. */
export type G711Law = 'ulaw' | 'alaw';

const ULAW_BIAS = 0x84;
const ULAW_CLIP = 32_635;

/** PCM (signed 16-bit little-endian) to G.711. */
export function encodeG711(pcm: Buffer, law: G711Law): Buffer {
  const encode = law === 'ulaw' ? encodeUlaw : encodeAlaw;
  const out = Buffer.allocUnsafe(pcm.length >> 1);
  for (let i = 0; i < out.length; i++) out[i] = encode(pcm.readInt16LE(i * 2));
  return out;
}

/** G.711 to PCM (signed 16-bit little-endian). */
export function decodeG711(bytes: Buffer, law: G711Law): Buffer {
  const decode = law === 'ulaw' ? decodeUlaw : decodeAlaw;
  const out = Buffer.allocUnsafe(bytes.length * 2);
  for (const [i, byte] of bytes.entries()) out.writeInt16LE(decode(byte), i * 2);
  return out;
}

function encodeUlaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), ULAW_CLIP) + ULAW_BIAS;
  const exponent = 24 - Math.clz32(magnitude);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

function decodeUlaw(byte: number): number {
  const bits = ~byte & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + ULAW_BIAS) << ((bits >> 4) & 7)) - ULAW_BIAS;
  return bits & 0x80 ? -magnitude : magnitude;
}

function encodeAlaw(sample: number): number {
  const magnitude = sample < 0 ? ~sample : sample;
  const exponent = Math.max(0, 24 - Math.clz32(magnitude));
  const mantissa = (magnitude >> (exponent === 0 ? 4 : exponent + 3)) & 0x0f;
  return ((sample < 0 ? 0 : 0x80) | (exponent << 4) | mantissa) ^ 0x55;
}

function decodeAlaw(byte: number): number {
  const bits = byte ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const base = ((bits & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? base : (base + 0x100) << (exponent - 1);
  return bits & 0x80 ? magnitude : -magnitude;
}
