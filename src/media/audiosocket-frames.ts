import { bytesPerFrame } from './frames.ts';

/**
 * AudioSocket on the wire: kind (1 byte), length (2 bytes, big-endian), payload.
 * https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket
 */
const HANG_UP = 0x00;
const ID = 0x01;
const ERROR = 0xff;
/** Signed linear audio by hertz. Before 22.7 Asterisk knew 8 kHz only, under the same kind. */
const AUDIO_KINDS: Readonly<Record<number, number>> = { 8000: 0x10, 16000: 0x12, 24000: 0x13 };
const FIRST_AUDIO = 0x10;
const LAST_AUDIO = 0x18;

const HEADER_BYTES = 3;
const ID_BYTES = 16;

export type AudioSocketMessage =
  /** Which call this is: the UUID that was given to Asterisk, in lower case. */
  | { kind: 'id'; id: string }
  /** `rightRate` is false when the sample rate is not the one that was agreed. */
  | { kind: 'audio'; pcm: Buffer; rightRate: boolean }
  | { kind: 'hang-up' }
  | { kind: 'error'; code: number }
  | { kind: 'other' };

/**
 * Returns a function that takes bytes as they come and gives back the messages that are complete by now.
 * Keeps at most one unfinished message, of 64 kB at most.
 */
export function createAudioSocketReader(sampleRate: number): (bytes: Buffer) => AudioSocketMessage[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    let data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const messages: AudioSocketMessage[] = [];
    while (data.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + data.readUInt16BE(1);
      if (data.length < end) break;
      messages.push(toMessage(data.readUInt8(0), data.subarray(HEADER_BYTES, end), sampleRate));
      data = data.subarray(end);
    }
    // Copied: a view would keep the whole chunk of the socket in memory.
    rest = Buffer.from(data);
    return messages;
  };
}

function toMessage(kind: number, payload: Buffer, sampleRate: number): AudioSocketMessage {
  if (kind >= FIRST_AUDIO && kind <= LAST_AUDIO) return { kind: 'audio', pcm: payload, rightRate: kind === AUDIO_KINDS[sampleRate] };
  switch (kind) {
    case ID:
      return payload.length === ID_BYTES ? { kind: 'id', id: toUuid(payload) } : { kind: 'other' };
    case HANG_UP:
      return { kind: 'hang-up' };
    case ERROR:
      return { kind: 'error', code: payload.length > 0 ? payload.readUInt8(0) : 0 };
    default:
      // Key presses (0x03) too: ARI tells them, whatever the leg is.
      return { kind: 'other' };
  }
}

function toUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** One frame of audio in one piece: Asterisk ends a leg whose payload comes more than 5 ms after its header. */
export function encodeAudio(sampleRate: number, pcm: Buffer): Buffer {
  const message = Buffer.allocUnsafe(HEADER_BYTES + pcm.length);
  message.writeUInt8(AUDIO_KINDS[sampleRate] ?? FIRST_AUDIO, 0);
  message.writeUInt16BE(pcm.length, 1);
  pcm.copy(message, HEADER_BYTES);
  return message;
}

export function encodeSilence(sampleRate: number): Buffer {
  return encodeAudio(sampleRate, Buffer.alloc(bytesPerFrame(sampleRate)));
}

export function encodeHangUp(): Buffer {
  return Buffer.from([HANG_UP, 0, 0]);
}
