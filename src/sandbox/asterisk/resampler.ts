/** Filter taps for each output sample of an interpolation; a decimation takes as many times more. More would be cleaner, and dearer. */
const tapsPerPhase = 8;

/**
 * Changes the sample rate of 20 ms frames with a windowed-sinc filter; keeps the filter's memory from frame to frame.
 * Silence is recognised, costs nothing and comes out as the very buffer `silence`.
 */
export function createResampler(fromRate: number, toRate: number) {
  const divisor = gcd(fromRate, toRate);
  const up = toRate / divisor;
  const down = fromRate / divisor;
  const inSamples = fromRate / 50;
  const outSamples = toRate / 50;
  const inSilence = Buffer.alloc(inSamples * 2);
  const silence = Buffer.alloc(outSamples * 2);
  const { phases, length } = makeFilter(up, down);
  const input = new Float64Array(length - 1 + inSamples);
  let settled = true;

  return {
    silence,
    push(frame: Buffer): Buffer {
      const quiet = frame.length === 0 || frame.equals(inSilence);
      if (quiet && settled) return silence;
      settled = quiet;
      input.copyWithin(0, inSamples);
      // Typed arrays (the machine's byte order; every platform of Node's is little-endian) cost a third of Buffer's methods.
      const whole = frame.byteOffset % 2 === 0 && frame.length === inSamples * 2 ? frame : Buffer.concat([frame], inSamples * 2);
      input.set(new Int16Array(whole.buffer, whole.byteOffset, inSamples), length - 1);
      const out = new Int16Array(outSamples);
      for (let at = 0; at < outSamples; at++) {
        const position = at * down;
        const newest = length - 1 + Math.floor(position / up);
        const taps = phases[position % up] ?? [];
        let sum = 0;
        for (let tap = 0; tap < length; tap++) sum += (taps[tap] ?? 0) * (input[newest - tap] ?? 0);
        out[at] = Math.max(-32_768, Math.min(32_767, Math.round(sum)));
      }
      return Buffer.from(out.buffer);
    },
  };
}

function makeFilter(up: number, down: number) {
  const length = tapsPerPhase * Math.max(1, Math.ceil(down / up));
  const size = length * up;
  // A little below the lower of the two Nyquist frequencies, in cycles of the upsampled rate.
  const cutoff = (0.5 / Math.max(up, down)) * 0.95;
  const middle = (size - 1) / 2;
  const phases = Array.from({ length: up }, () => new Float64Array(length));
  for (let at = 0; at < size; at++) {
    const x = at - middle;
    const sinc = x === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * x) / (Math.PI * x);
    const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 0.5)) / size);
    const phase = phases[at % up];
    if (phase) phase[Math.floor(at / up)] = sinc * hann * up;
  }
  return { phases, length };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
