import { isUtf8 } from 'node:buffer';
import { UserError } from '../errors.ts';
import { quoteFound } from './quote-found.ts';

export interface DecodeOptions {
  /** What the input is called in messages: its path, or "standard input". */
  name: string;
  /** A WHATWG label given by the user; without one the text is UTF-8, or UTF-16 when it says so by its byte order mark. */
  encoding?: string | undefined;
}

/** First bytes of files that people take for CSV. */
const OTHER_FORMATS: { magic: number[]; advice: string }[] = [
  { magic: [0x50, 0x4b, 0x03, 0x04], advice: 'is a ZIP or Excel file (.xlsx). Open it and save it as "CSV UTF-8"' },
  { magic: [0xd0, 0xcf, 0x11, 0xe0], advice: 'is an old Excel file (.xls). Open it and save it as "CSV UTF-8"' },
  { magic: [0x1f, 0x8b], advice: 'is compressed with gzip. Unpack it with gunzip' },
  { magic: [0x25, 0x50, 0x44, 0x46], advice: 'is a PDF. Export the contacts as CSV' },
  { magic: [0xff, 0xfe, 0x00, 0x00], advice: 'is UTF-32. Save it as UTF-8' },
];

/**
 * Bytes to text. Bytes that don't belong to the encoding end it with a UserError that says where, and what the file may be instead:
 * a guess that is wrong would put wrong names into people's ears.
 */
export async function* decodeText(bytes: AsyncIterable<Buffer>, options: DecodeOptions): AsyncGenerator<string> {
  const chunks = withHead(bytes);
  const first = await chunks.next();
  const head = first.done ? Buffer.alloc(0) : first.value;
  const encoding = options.encoding ?? encodingOf(head, options.name);
  const all = (async function* () {
    yield head;
    yield* chunks;
  })();
  yield* encoding === 'utf-8' ? decodeUtf8(all, options.name) : decodeOther(all, encoding, options.name);
}

/** @throws UserError when the runtime doesn't know the label. */
export function checkEncoding(label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new UserError(
      `--encoding ${quoteFound(label)} is not an encoding that is known here. Usual ones: utf-8, utf-16le, windows-1252, iso-8859-2, shift_jis.`,
    );
  }
}

/** The chunks as they are, but the first one holds at least the bytes by which formats are told apart. */
async function* withHead(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (!head) yield chunk;
    else {
      head = Buffer.concat([head, chunk]);
      if (head.length < 64) continue;
      yield head;
      head = undefined;
    }
  }
  if (head) yield head;
}

function encodingOf(head: Buffer, name: string): string {
  const format = OTHER_FORMATS.find(({ magic }) => magic.every((byte, index) => head[index] === byte));
  if (format) throw new UserError(`${name} ${format.advice}, and run the command with that file.`);
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const sample = head.subarray(0, 64);
  const zerosAt = (parity: number) => sample.filter((byte, index) => index % 2 === parity && byte === 0).length;
  if (Math.max(zerosAt(0), zerosAt(1)) > sample.length / 4) {
    const guess = zerosAt(1) > zerosAt(0) ? 'utf-16le' : 'utf-16be';
    throw new UserError(
      `${name} is not UTF-8: every other byte is zero, as in UTF-16. Save it as UTF-8, or run again with --encoding ${guess}.`,
    );
  }
  return 'utf-8';
}

async function* decodeUtf8(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0;
  let newlines = 0;
  for await (const chunk of bytes) {
    const piece = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = piece.subarray(0, piece.length - incompleteBytes(piece));
    if (!isUtf8(whole)) throw notUtf8(whole, offset, newlines, name);
    const text = whole.toString('utf8');
    yield offset === 0 && text.startsWith('\ufeff') ? text.slice(1) : text;
    newlines += countNewlines(whole);
    offset += whole.length;
    rest = piece.subarray(whole.length);
  }
  if (rest.length > 0) throw notUtf8(rest, offset, newlines, name);
}

async function* decodeOther(bytes: AsyncIterable<Buffer>, encoding: string, name: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let offset = 0;
  const decode = (chunk?: Buffer) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch {
      throw new UserError(
        `${name} is not ${decoder.encoding}: the bytes after offset ${offset} don't belong to it. Save the file as UTF-8, or name its encoding with --encoding.`,
      );
    }
  };
  for await (const chunk of bytes) {
    yield decode(chunk);
    offset += chunk.length;
  }
  yield decode();
}

/** How many bytes at the end begin a character that the next chunk goes on with. */
function incompleteBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count += 1;
  return count;
}

function notUtf8(bytes: Buffer, offset: number, newlines: number, name: string): UserError {
  const at = firstWrongByte(bytes);
  const line = newlines + countNewlines(bytes.subarray(0, at)) + 1;
  const where = `byte 0x${(bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0')} at offset ${offset + at} (line ${line})`;
  const around = new TextDecoder('windows-1252').decode(bytes.subarray(Math.max(0, at - 12), at + 12));
  return new UserError(
    `${name} is not UTF-8: ${where}. Read as windows-1252, which old Excel writes, the place says ${quoteFound(around)}. ` +
      'If that is right, run again with --encoding windows-1252; if not, name the right encoding or save the file as UTF-8.',
  );
}

/** Before the first wrong byte the decoder's text is exact, so its length in bytes is the place. A U+FFFD may also be truly there. */
function firstWrongByte(bytes: Buffer): number {
  const text = bytes.toString('utf8');
  let place = 0;
  let from = 0;
  for (let at = text.indexOf('\ufffd'); at >= 0; at = text.indexOf('\ufffd', from)) {
    place += Buffer.byteLength(text.slice(from, at));
    if (bytes[place] !== 0xef || bytes[place + 1] !== 0xbf || bytes[place + 2] !== 0xbd) return place;
    place += 3;
    from = at + 1;
  }
  return place;
}
