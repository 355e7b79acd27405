import { expect, it } from 'vitest';
import { checkTelling, type TellingSeen } from './check-telling.ts';
import type { Told } from './telling.ts';

const number = '+12026000001';
const row = { number, attempt: 'a1', disposition: 'completed' };
const subjects = ['ElevenLabs is down', 'ElevenLabs is back'];
const voice = 'elevenlabs:text-to-speech';
const told: Told = {
  outcomes: [row],
  sheet: [row],
  subjects: { telegram: subjects, mail: subjects, webhook: subjects },
  alerts: [
    { kind: 'breaker-opened', about: voice },
    { kind: 'breaker-closed', about: voice },
  ],
};
const well: TellingSeen = { told, enqueued: [number], rows: [row], brokeDown: [voice] };

it('everybody heard of everything once: no promise is broken', () => {
  expect(checkTelling(well)).toEqual([]);
});

it.each<[string, Partial<Told>, string]>([
  ['an outcome that was never posted', { outcomes: [] }, 'P1'],
  ['an attempt that was posted with another word than the CRM has', { outcomes: [{ ...row, disposition: 'failed' }] }, 'P1'],
  ['an attempt that only the webhook knows', { outcomes: [row, { ...row, attempt: 'a2' }] }, 'P1'],
  ['a call that stands in the spreadsheet twice', { sheet: [row, row] }, 'P7'],
  ['a channel that was not told of the end', { subjects: { ...told.subjects, telegram: subjects.slice(0, 1) } }, 'P8'],
  ['an outage that was told twice in a window', { alerts: [...told.alerts, ...told.alerts.slice(0, 1)] }, 'P8'],
  ['an outage whose end nobody was told', { alerts: told.alerts.slice(0, 1) }, 'P8'],
])('%s is seen', (_what, change, promise) => {
  const found = checkTelling({ ...well, told: { ...told, ...change } });
  expect([...new Set(found.map((violation) => violation.promise))]).toEqual([promise]);
});

it('an outage that nobody was told is seen', () => {
  const nothing = { ...told, alerts: [], subjects: { telegram: [], mail: [], webhook: [] } };
  expect(checkTelling({ ...well, told: nothing })).toEqual([{ promise: 'P8', what: `the outage of ${voice} was not told` }]);
});
