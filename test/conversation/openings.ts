import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { decodeG711 } from '../../src/sandbox/voice/g711.ts';
import type { KnownRecording } from '../../src/sandbox/voice/known-recordings.ts';

const folder = new URL('../fixtures/openings/', import.meta.url);
const file = z.object({
  openings: z.array(
    z.object({ file: z.string(), is: z.enum(['human', 'silent', 'voicemail', 'screening', 'ivr', 'fax']), text: z.string() }),
  ),
});

export type Opening = KnownRecording & z.output<typeof file>['openings'][number];

/** Recorded sounds of phones that are picked up: real speech, noise, beeps, at 8 kHz. */
export function loadOpenings(): Opening[] {
  const { openings } = file.parse(parse(readFileSync(new URL('openings.yaml', folder), 'utf8')));
  return openings.map((opening) => ({ ...opening, sampleRate: 8_000, pcm: readWav(readFileSync(new URL(opening.file, folder))) }));
}

/** The samples of a WAV file that holds G.711 µ-law. */
function readWav(wav: Buffer): Buffer {
  for (let at = 12; at + 8 <= wav.length; ) {
    const length = wav.readUInt32LE(at + 4);
    if (wav.toString('latin1', at, at + 4) === 'data') return decodeG711(wav.subarray(at + 8, at + 8 + length), 'ulaw');
    at += 8 + length + (length % 2);
  }
  throw new Error('a WAV file without a data chunk');
}
