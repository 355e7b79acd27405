import { decodeG711, encodeG711 } from '../../src/sandbox/voice/g711.ts';
import { framesOf, pcmFrom, powerOf, RATE } from './pcm.ts';
import { isSpeech, type Recording } from './recordings.ts';

/** A sample of a noise, of any loudness: it is scaled. */
export type Noise = (i: number) => number;

/** The same every time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

const sine = (hertz: number, i: number) => Math.sin((2 * Math.PI * hertz * i) / RATE);

/** Hiss, a car, the mains on a bad cable, a room full of people, a radio. */
export function noises(voices: Recording[]): Record<string, Noise> {
  const hiss = random(1);
  const road = random(7);
  let low = 0;
  // Talkers at places of their own, so that nobody's words can be made out.
  const crowd = [3, 11, 19, 27, 31].flatMap((skip, i) => voices.slice(i, i + 4).map(({ pcm }) => ({ pcm, skip: skip * 997 })));
  return {
    hiss: () => hiss() * 8_000,
    car: () => {
      low = 0.97 * low + road() * 1_500;
      return low;
    },
    hum: (i) => [1, 2, 3, 4, 6, 8, 12].reduce((sum, harmonic) => sum + (4_000 / harmonic) * sine(50 * harmonic, i), 0),
    crowd: (i) => crowd.reduce((sum, { pcm, skip }) => sum + pcm.readInt16LE(((i + skip) % (pcm.length / 2)) * 2), 0) / 3,
    music,
  };
}

/** Chords of the second, a tune of four notes a second above them: plucked, so that it comes and goes as speech does. */
function music(i: number): number {
  const second = Math.floor(i / RATE);
  const root = [220, 174.6, 261.6, 196][second % 4] ?? 220;
  const note = root * ([2, 2.5, 3, 2.25, 4][Math.floor((i * 4) / RATE) % 5] ?? 2);
  const chord = [1, 1.25, 1.5].reduce((sum, interval) => sum + 1_500 * sine(root * interval, i), 0);
  const pluck = Math.exp((-6 * (i % (RATE / 4))) / RATE);
  return chord * Math.exp((-2 * (i % RATE)) / RATE) + 4_000 * pluck * (sine(note, i) + 0.4 * sine(2 * note, i));
}

/** The noise alone, as loud as wanted. */
export function noiseAlone(noise: Noise, ms: number, db: number): Buffer {
  return onTheLine(addNoise(Buffer.alloc((RATE / 500) * ms), noise, (32_768 * 10 ** (db / 20)) ** 2));
}

/** A recording with noise, as a telephone line delivers it. `snrDb` is reckoned over what is speech. */
export function withNoise(pcm: Buffer, noise: Noise | undefined, snrDb: number): Buffer {
  const speechPower = powerOf(Buffer.concat(framesOf(pcm).filter(isSpeech)));
  return onTheLine(noise ? addNoise(pcm, noise, speechPower / 10 ** (snrDb / 10)) : pcm);
}

function addNoise(pcm: Buffer, noise: Noise, power: number): Buffer {
  // Four seconds: as long as the slowest of them takes to come round.
  const gain = Math.sqrt(power / powerOf(pcmFrom(RATE * 4, noise)));
  return pcmFrom(pcm.length / 2, (i) => pcm.readInt16LE(i * 2) + gain * noise(i));
}

const onTheLine = (pcm: Buffer) => decodeG711(encodeG711(pcm, 'ulaw'), 'ulaw');
