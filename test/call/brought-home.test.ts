import { describe, expect, it } from 'vitest';
import { crmDelivery } from '../../src/call/crm-call-record.ts';
import { deliverCrmRecord } from '../../src/call/deliver-crm-record.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { redialAfter } from '../../src/call/redial.ts';
import type { CrmCallRecord } from '../../src/services/crm.ts';

const rules = { interruptedMs: 300_000 };
const outcome: Outcome = {
  disposition: 'completed',
  reason: 'the agent said goodbye',
  startedAt: 0,
  endedAt: 60_000,
  talkMs: 60_000,
  transcript: [],
  answers: { suits: true, guests: 2, note: 'parks <outside>' },
  callBackAt: Date.parse('2026-11-23T15:00:00Z'),
};

describe('what a call brought home', () => {
  it('stands in the CRM, a line each, before everything else that was said', async () => {
    const ended = {
      attemptId: 'a1',
      attempt: 1,
      campaign: { name: 'reminder', callerId: '+12025550199', language: 'en-US' },
      contact: { phone: '+12025550101', timeZones: [], variables: {} },
      outcome,
    };
    const records: CrmCallRecord[] = [];
    const crm = {
      findContact: async () => undefined,
      updateContact: async () => true,
      recordCall: async (record: CrmCallRecord) => void records.push(record),
    };
    await deliverCrmRecord(crmDelivery(ended), { crm, languageModel: undefined }, 0, new AbortController().signal);
    expect(records[0]?.body).toBe(
      'the agent said goodbye\n\nsuits: yes\nguests: 2\nnote: parks <outside>\ncall back: 2026-11-23T15:00:00.000Z',
    );
  });

  it('has the person called again at the time that they named', () => {
    expect(redialAfter(outcome, 1, rules)).toBe(outcome.callBackAt);
    expect(redialAfter({ ...outcome, disposition: 'hung-up' }, 3, rules)).toBe(outcome.callBackAt);
  });

  it('never has somebody called again who opted out, nor anybody for ever', () => {
    expect(redialAfter({ ...outcome, disposition: 'opted-out' }, 1, rules)).toBeUndefined();
    expect(redialAfter(outcome, 6, rules)).toBeUndefined();
  });
});
