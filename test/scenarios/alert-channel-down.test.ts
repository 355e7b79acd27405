import { afterEach, expect, it } from 'vitest';
import { openAiErrors } from '../../src/sandbox/openai/openai-errors.ts';
import { eventually } from '../eventually.ts';
import { type Outage, startOutage } from './outage.ts';

let outage: Outage;
const opened = /OpenAI language-model can't be used/;
const back = /OpenAI language-model is back after/;
afterEach(async () => {
  await outage?.stop();
});

it('Telegram answers 500: mail and webhook tell the outage and its end all the same, and Telegram tells both when it is back', {
  timeout: 90_000,
}, async () => {
  outage = await startOutage({ roles: ['health', 'delivery'] });
  const { telegram, openAi } = outage.world;
  telegram.faults.set({ kind: 'status', status: 500, body: { ok: false, error_code: 500, description: 'Internal Server Error' } });
  openAi.faults.set(openAiErrors.overloaded503);
  await eventually(() => expect(outage.told(opened)).toEqual([1, 0, 1]));
  openAi.faults.clear();
  await eventually(() => expect(outage.told(back)).toEqual([1, 0, 1]));
  const refused = telegram.faults.requests.filter(({ fault }) => fault === 'status');
  expect(refused.length).toBeGreaterThan(0);
  expect(telegram.messages).toEqual([]);

  telegram.faults.clear();
  await eventually(() => expect(outage.told(opened)).toEqual([1, 1, 1]));
  await eventually(() => expect(outage.told(back)).toEqual([1, 1, 1]));
});
