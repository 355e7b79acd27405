import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BYTES_PER_SAMPLE } from './frames.ts';

const HEADER_BYTES = 44;
const CHANNELS = 2;
/** A WAV counts its bytes with 32 bits: 18 hours of stereo at 16 kHz. */
const MAX_DATA_BYTES = 0xffff_ffff - HEADER_BYTES;
/** A disk that falls this far behind (a minute of stereo at 16 kHz) ends the recording, not the memory. */
const MAX_UNWRITTEN_BYTES = 4_000_000;

/** A stereo WAV that grows. Its header is right for all that was written, at any moment. */
export interface WavFile {
  /** `position`: where the first sample stands; what was left out before it is silence. In rising order. */
  write(stereo: Int16Array, position: number): void;
  /** Waits for the disk. Resolves with what went wrong, if anything did. */
  close(): Promise<Error | undefined>;
}

/** `goOn`: the file is there already, and what is written comes after what it holds. */
export function createWavFile(path: string, sampleRate: number, { goOn = false } = {}): WavFile {
  let handle: FileHandle | undefined;
  let waiting: { bytes: Buffer; offset: number }[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;
  let failure: Error | undefined;

  async function drain(): Promise<void> {
    handle ??= goOn ? await open(path, 'r+') : await create(path, sampleRate);
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      waitingBytes -= next.bytes.length;
      await writeWhole(handle, next.bytes, HEADER_BYTES + next.offset);
      // Audio first: the header never promises what isn't there.
      await writeWhole(handle, stereoWavHeader(sampleRate, next.offset + next.bytes.length), 0);
    }
  }

  function start(): void {
    writing ??= drain()
      .catch(fail)
      .finally(() => {
        writing = undefined;
      });
  }

  function fail(cause: unknown): void {
    failure ??= new Error(`The recording ${path} ended early: ${cause instanceof Error ? cause.message : cause}`, { cause });
    waiting = [];
  }

  start();
  return {
    write(stereo, position) {
      if (failure) return;
      const bytes = Buffer.from(stereo.buffer, stereo.byteOffset, stereo.byteLength);
      waiting.push({ bytes, offset: position * CHANNELS * BYTES_PER_SAMPLE });
      waitingBytes += bytes.length;
      if (waitingBytes > MAX_UNWRITTEN_BYTES) fail('the disk is too slow');
      else start();
    },
    async close() {
      while (writing || (waiting.length > 0 && !failure)) {
        start();
        await writing;
      }
      await handle?.close().catch(fail);
      return failure;
    },
  };
}

async function create(path: string, sampleRate: number): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true });
  // What people say on the phone is for the owner of this process only.
  const handle = await open(path, 'w', 0o600);
  await writeWhole(handle, stereoWavHeader(sampleRate, 0), 0);
  return handle;
}

async function writeWhole(handle: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  const { bytesWritten } = await handle.write(bytes, 0, bytes.length, offset);
  // A disk that is nearly full takes a part; the next write would say ENOSPC.
  if (bytesWritten < bytes.length) throw new Error('the disk is full');
}

/** RIFF, a `fmt ` chunk of 16 bytes for signed 16-bit PCM, a `data` chunk. */
function stereoWavHeader(sampleRate: number, dataBytes: number): Buffer {
  const size = Math.min(dataBytes, MAX_DATA_BYTES);
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(HEADER_BYTES - 8 + size, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(CHANNELS, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * CHANNELS * BYTES_PER_SAMPLE, 28);
  header.writeUInt16LE(CHANNELS * BYTES_PER_SAMPLE, 32);
  header.writeUInt16LE(8 * BYTES_PER_SAMPLE, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(size, 40);
  return header;
}
