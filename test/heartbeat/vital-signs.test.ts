import { expect, it } from 'vitest';
import { createVitalSigns } from '../../src/heartbeat/vital-signs.ts';

const scrub = (text: string) => text.replaceAll('s3cret', '•');

it('what nobody reports stands for "not used here"', () => {
  expect(createVitalSigns({ name: 'host-1', roles: ['web'], scrub }).read()).toMatchObject({
    name: 'host-1',
    roles: ['web'],
    draining: false,
    ari: undefined,
    audiosocket: 'disabled',
    activeCalls: 0,
    services: [],
  });
});

it('an error message is scrubbed and short before anybody sees it', () => {
  const vitalSigns = createVitalSigns({ name: 'host-1', roles: ['call'], scrub });
  const message = `with key s3cret: ${'x'.repeat(10_000)}`;
  vitalSigns.report({ services: () => [{ service: 'hubspot', state: 'open', lastError: { code: '401', message } }] });
  const shown = vitalSigns.read().services[0]?.lastError?.message ?? '';
  expect(shown).toMatch(/^with key •: xxx/);
  expect(shown.length).toBeLessThan(1_000);
});

it('the drain is told at once', () => {
  const vitalSigns = createVitalSigns({ name: 'host-1', roles: ['call'], scrub });
  const told: boolean[] = [];
  const unsubscribe = vitalSigns.onChange(() => told.push(vitalSigns.read().draining));
  vitalSigns.drain();
  unsubscribe();
  vitalSigns.changed();
  expect(told).toEqual([true]);
});
