import { hertzOf, TONES } from './tones.ts';

/** Any sound is brought down to this before it is listened to. Hertz. */
export const EAR_RATE = 8000;
/** 2.5 ms. */
export const HOP = 20;
/** The sound is looked at 10 ms at a time: enough to tell tones 150 Hz apart. */
export const HOPS_PER_LOOK = 4;
/** All tones are multiples of 50 Hz, so their tables repeat after 20 ms. */
const TABLE = 160;
/** Share of a look's energy that has to be in one tone. */
const PURITY = 0.55;
/** Quieter than about -56 dBFS is silence. Mean square of a sample. */
const SILENCE = 50 ** 2;

const cosines = new Float64Array(TONES * TABLE);
const sines = new Float64Array(TONES * TABLE);
for (let tone = 0; tone < TONES; tone++) {
  for (let i = 0; i < TABLE; i++) {
    const angle = (2 * Math.PI * hertzOf(tone) * i) / EAR_RATE;
    cosines[tone * TABLE + i] = Math.cos(angle);
    sines[tone * TABLE + i] = Math.sin(angle);
  }
}

/** Tells which tone the last 10 ms are, if they are one. */
export function createEar(): (hop: Float64Array, index: number) => number | undefined {
  const width = TONES * 2;
  const parts = new Float64Array(width * HOPS_PER_LOOK);
  const energies = new Float64Array(HOPS_PER_LOOK);
  return (hop, index) => {
    const slot = index % HOPS_PER_LOOK;
    const offset = (index * HOP) % TABLE;
    let energy = 0;
    for (let i = 0; i < HOP; i++) energy += (hop[i] as number) ** 2;
    energies[slot] = energy;
    const total = energies.reduce((a, b) => a + b);
    const quiet = energy < SILENCE * HOP;
    const here = slot * width;
    if (quiet) parts.fill(0, here, here + width);
    else correlate(hop, offset, parts, here);
    if (total < SILENCE * HOP * HOPS_PER_LOOK) return undefined;
    let best: number | undefined;
    let bestPower = (PURITY * total * HOP * HOPS_PER_LOOK) / 2;
    for (let tone = 0; tone < TONES; tone++) {
      let re = 0;
      let im = 0;
      for (let at = tone * 2; at < parts.length; at += width) {
        re += parts[at] as number;
        im += parts[at + 1] as number;
      }
      const power = re * re + im * im;
      if (power <= bestPower) continue;
      best = tone;
      bestPower = power;
    }
    return best;
  };
}

/** How much of each tone is in a hop, as pairs of cosine and sine. */
function correlate(hop: Float64Array, offset: number, into: Float64Array, at: number): void {
  for (let tone = 0; tone < TONES; tone++) {
    const from = tone * TABLE + offset;
    let re = 0;
    let im = 0;
    for (let i = 0; i < HOP; i++) {
      const sample = hop[i] as number;
      re += sample * (cosines[from + i] as number);
      im += sample * (sines[from + i] as number);
    }
    into[at + tone * 2] = re;
    into[at + tone * 2 + 1] = im;
  }
}
