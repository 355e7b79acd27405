/** Remembers at which line a number was first seen. */
export interface PhoneLines {
  /** The line that had this number before; undefined, and remembered, when none had. */
  firstLineOf(phone: string, line: number): number | undefined;
}

/**
 * 24 MB for a million numbers, where a Map of strings takes 120 MB: E.164 has at most 15 digits, so a number is a double, and a table with
 * open addressing holds nothing else.
 */
export function createPhoneLines(capacity = 1 << 12): PhoneLines {
  let numbers = new Float64Array(capacity);
  let lines = new Uint32Array(capacity);
  let used = 0;

  const place = (number: number) => {
    // Knuth's multiplicative hash over both halves of the digits: lists are often consecutive numbers.
    let at = (Math.imul((number % 0x1_0000_0000) | 0, 0x9e37_79b1) ^ Math.imul((number / 0x1_0000_0000) | 0, 0x85eb_ca6b)) >>> 0;
    at = (at ^ (at >>> 15)) & (numbers.length - 1);
    while (numbers[at] !== 0 && numbers[at] !== number) at = (at + 1) & (numbers.length - 1);
    return at;
  };
  const grow = () => {
    const [oldNumbers, oldLines] = [numbers, lines];
    numbers = new Float64Array(oldNumbers.length * 2);
    lines = new Uint32Array(oldNumbers.length * 2);
    for (const [index, number] of oldNumbers.entries()) {
      if (number === 0) continue;
      const at = place(number);
      numbers[at] = number;
      lines[at] = oldLines[index] ?? 0;
    }
  };

  return {
    firstLineOf(phone, line) {
      const number = Number(phone.slice(1));
      const at = place(number);
      if (numbers[at] === number) return lines[at];
      numbers[at] = number;
      lines[at] = line;
      used += 1;
      // Beyond half full, probing gets long.
      if (used * 2 > numbers.length) grow();
      return undefined;
    },
  };
}
