import { expect, it } from 'vitest';
import { decodeG711, encodeG711 } from '../../../src/sandbox/voice/g711.ts';

it.each(['ulaw', 'alaw'] as const)('G.711 %s gives every code back', (law) => {
  const codes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const again = encodeG711(decodeG711(codes, law), law);
  // µ-law has two zeros; both decode to 0.
  for (const [i, code] of codes.entries()) expect(again[i]).toBe(law === 'ulaw' && code === 0x7f ? 0xff : code);
});

it('G.711 agrees with the values of the recommendation', () => {
  const pcm = Buffer.alloc(8);
  for (const [i, sample] of [0, 1000, -1000, 32_767].entries()) pcm.writeInt16LE(sample, i * 2);
  expect([...encodeG711(pcm, 'ulaw')]).toEqual([0xff, 0xce, 0x4e, 0x80]);
  expect([...encodeG711(pcm, 'alaw')]).toEqual([0xd5, 0xfa, 0x7a, 0xaa]);
});
