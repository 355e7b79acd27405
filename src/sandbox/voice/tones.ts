/** Seventeen tones, between 300 and 3400 Hz, away from the rows and columns of DTMF where it could be had. */
export const TONES = 17;
const LOWEST_HZ = 500;
const SPACING_HZ = 150;
/** How long a tone lasts. */
export const SYMBOL_MS = 36;

export function hertzOf(tone: number): number {
  return LOWEST_HZ + tone * SPACING_HZ;
}
