const HEADER_BYTES = 44;
const PCM = 1;
const BITS = 16;

export interface MonoWav {
  /** Hertz. */
  sampleRate: number;
  /** Signed 16-bit little-endian. */
  pcm: Buffer;
}

/** A recording that any player plays. */
export function formatWav({ sampleRate, pcm }: MonoWav): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(HEADER_BYTES - 8 + pcm.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(PCM, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE((sampleRate * BITS) / 8, 28);
  header.writeUInt16LE(BITS / 8, 32);
  header.writeUInt16LE(BITS, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([header, pcm]);
}

/** Undefined for anything that isn't one whole recording of 16 bits and one channel. */
export function parseWav(file: Buffer): MonoWav | undefined {
  if (file.length < HEADER_BYTES || file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') return undefined;
  let sampleRate: number | undefined;
  for (let at = 12; at + 8 <= file.length; ) {
    const kind = file.toString('latin1', at, at + 4);
    const from = at + 8;
    const to = from + file.readUInt32LE(at + 4);
    if (to > file.length) return undefined;
    if (kind === 'fmt ' && to - from >= 16) {
      const [format, channels, bits] = [file.readUInt16LE(from), file.readUInt16LE(from + 2), file.readUInt16LE(from + 14)];
      if (format !== PCM || channels !== 1 || bits !== BITS) return undefined;
      sampleRate = file.readUInt32LE(from + 4);
    }
    if (kind === 'data' && sampleRate !== undefined && (to - from) % 2 === 0) return { sampleRate, pcm: file.subarray(from, to) };
    at = to + (to % 2);
  }
  return undefined;
}
