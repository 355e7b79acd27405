import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { runOutage } from '../../scripts/demo/elevenlabs-503.ts';

it('ElevenLabs answers 503: four requests, one failed call, humans told, contacts kept, and all goes on by itself', {
  timeout: 90_000,
}, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ringfence-outage-'));
  try {
    const { steps, missed } = await runOutage({ redisUrl: inject('redisUrl'), dataDir, speed: 8 });
    expect(missed).toBeUndefined();
    expect(steps).toHaveLength(15);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
