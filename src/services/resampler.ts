/** Changes the rate of a stream of PCM (signed 16-bit little-endian, mono). */
export interface Resampler {
  /** Whole samples in pieces of any size. What comes back is a little behind: the filter looks ahead. */
  push(pcm: Buffer): Buffer;
  /** The rest, when the sound has ended. */
  end(): Buffer;
}

/** Zero crossings of the filter on either side: 80 dB down within a tenth of the band. */
const CROSSINGS = 24;
/** Where the filter begins to close, as a share of the narrower band: what lies above would come back as another tone. */
const PASS = 0.92;
/** Of the Kaiser window: 80 dB. */
const BETA = 8;

/** A windowed-sinc filter that computes only the samples that are wanted. */
export function createResampler(fromRate: number, toRate: number): Resampler {
  if (fromRate === toRate) return { push: (pcm) => pcm, end: () => Buffer.alloc(0) };
  const { phases, reach } = makeFilter(fromRate, toRate);
  const step = fromRate / toRate;
  /** What the next samples need: at first there is silence before the sound. */
  let input = new Float64Array(reach);
  /** Sample number of `input[0]`, counted from the start of the sound. */
  let first = -reach;
  let produced = 0;

  function produce(pcm: Buffer, limit: number): Buffer {
    const all = new Float64Array(input.length + pcm.length / 2);
    all.set(input);
    for (let at = 0; at < pcm.length; at += 2) all[input.length + at / 2] = pcm.readInt16LE(at);
    const end = first + all.length;
    const out: number[] = [];
    for (; produced < limit; produced++) {
      const centre = Math.floor(produced * step + 1e-9);
      if (centre + reach >= end) break;
      const taps = phases[produced % phases.length];
      if (!taps) break;
      let sum = 0;
      const from = centre - reach - first;
      // Not `entries()`: it costs twenty times as much, for every sample that is spoken.
      for (let tap = 0; tap < taps.length; tap++) sum += (taps[tap] ?? 0) * (all[from + tap] ?? 0);
      out.push(Math.max(-32_768, Math.min(32_767, Math.round(sum))));
    }
    const keepFrom = Math.max(first, Math.floor(produced * step + 1e-9) - reach);
    input = all.slice(keepFrom - first);
    first = keepFrom;
    return Buffer.from(Int16Array.from(out).buffer);
  }

  return {
    push: (pcm) => produce(pcm, Number.POSITIVE_INFINITY),
    end() {
      // As many samples as the sound had, and no echo of the silence after it.
      const total = Math.ceil((first + input.length) / step);
      return produce(Buffer.alloc((reach + 1) * 2), total);
    },
  };
}

/** One set of weights for each place that a wanted sample can have between two given ones. */
function makeFilter(fromRate: number, toRate: number): { phases: Float64Array[]; reach: number } {
  const count = toRate / gcd(fromRate, toRate);
  // Of the given samples to the narrower band's: the filter is as wide in time as that one asks for.
  const width = Math.max(1, fromRate / toRate);
  const cutoff = PASS / width / 2;
  const reach = Math.ceil(CROSSINGS * width);
  const phases = Array.from({ length: count }, (_, phase) => {
    const offset = ((phase * fromRate) / toRate) % 1;
    const taps = Float64Array.from({ length: 2 * reach + 1 }, (_, tap) => {
      const x = tap - reach - offset;
      const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
      return sinc * kaiser(x / (reach + 1));
    });
    const sum = taps.reduce((a, b) => a + b, 0);
    return taps.map((weight) => weight / sum);
  });
  return { phases, reach };
}

/** @param x from -1 to 1 */
function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA);
}

/** The modified Bessel function of order zero, by its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
