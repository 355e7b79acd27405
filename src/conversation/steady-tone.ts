/** Every sound is brought down to this before it is looked at. Hertz. */
const RATE = 8_000;
const FRAME_MS = 20;
/** Below: hum and the voices' own pitch. Above: what a telephone line hardly carries. Beeps of answering machines lie between 400 and 2,000 Hz, faxes at 1,100 and 2,100. */
const LOWEST_HZ = 375;
const HIGHEST_HZ = 2_325;
/** A frame of 20 ms tells tones apart that are 50 Hz from each other. */
const STEP_HZ = 50;
/** Share of a frame's energy that has to be in the one tone. A voiced sound has its energy spread over many. */
const PURITY = 0.75;
/** A mean square below this is silence. About -46 dBFS. */
const QUIETEST = 160 ** 2;
/** A tone may waver by this much. */
const WAVER_HZ = 30;
/** Shorter isn't a beep: dialling tones, a whistling consonant. The shortest beeps in use have 200 ms. */
const SHORTEST_MS = 140;

export interface SteadyTone {
  hz: number;
  ms: number;
}

/** Listens for tones that keep their pitch, in frames of 20 ms (PCM, signed 16-bit little-endian, mono). */
export interface ToneEar {
  /** Returns a tone that has ended with this frame. */
  push(frame: Buffer): SteadyTone | undefined;
  /** The tone that is being heard, once it is long enough to be one. */
  readonly sounding: SteadyTone | undefined;
}

/** @param sampleRate 8000 or a multiple of it */
export function createToneEar(sampleRate: number): ToneEar {
  const perSample = Math.max(1, Math.round(sampleRate / RATE));
  let tone: SteadyTone | undefined;

  const longEnough = (candidate: SteadyTone | undefined) =>
    candidate !== undefined && candidate.ms >= SHORTEST_MS ? candidate : undefined;

  return {
    push(frame) {
      const hz = pitchOf(decimate(frame, perSample));
      if (hz !== undefined && tone !== undefined && Math.abs(hz - tone.hz) <= WAVER_HZ) {
        const frames = tone.ms / FRAME_MS;
        tone = { hz: (tone.hz * frames + hz) / (frames + 1), ms: tone.ms + FRAME_MS };
        return undefined;
      }
      const ended = longEnough(tone);
      tone = hz === undefined ? undefined : { hz, ms: FRAME_MS };
      return ended;
    },
    get sounding() {
      return longEnough(tone);
    },
  };
}

function decimate(frame: Buffer, perSample: number): Float64Array {
  const samples = new Float64Array(Math.floor(frame.length / 2 / perSample));
  for (let at = 0; at < samples.length; at++) {
    let sum = 0;
    for (let i = 0; i < perSample; i++) sum += frame.readInt16LE((at * perSample + i) * 2);
    samples[at] = sum / perSample;
  }
  return samples;
}

/** The one pitch of which these samples are made; undefined when they are made of several, or of nothing. */
function pitchOf(samples: Float64Array): number | undefined {
  const energy = samples.reduce((sum, sample) => sum + sample * sample, 0);
  if (samples.length === 0 || energy < QUIETEST * samples.length) return undefined;
  let best = { hz: 0, power: 0 };
  const look = (hz: number) => {
    const power = goertzel(samples, hz);
    if (power > best.power) best = { hz, power };
  };
  for (let hz = LOWEST_HZ; hz <= HIGHEST_HZ; hz += STEP_HZ) look(hz);
  // The true pitch lies between two steps: halve the distance until it makes no difference.
  for (let step = STEP_HZ / 2; step >= STEP_HZ / 8; step /= 2) {
    const { hz } = best;
    look(hz - step);
    look(hz + step);
  }
  return best.power / ((energy * samples.length) / 2) >= PURITY ? best.hz : undefined;
}

/** The power of one pitch, by Goertzel's recurrence. A sine of energy E over n samples has E·n/2. */
function goertzel(samples: Float64Array, hz: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hz) / RATE);
  let last = 0;
  let beforeLast = 0;
  for (const sample of samples) {
    const next = sample + coefficient * last - beforeLast;
    beforeLast = last;
    last = next;
  }
  return last * last + beforeLast * beforeLast - coefficient * last * beforeLast;
}
