import { describe, expect, it } from 'vitest';
import type { AnswerFields } from '../../src/call/campaign.ts';
import { crmDelivery } from '../../src/call/crm-call-record.ts';
import { deliverCrmRecord } from '../../src/call/deliver-crm-record.ts';
import type { EndedAttempt } from '../../src/call/outbox.ts';
import type { Outcome } from '../../src/call/outcome.ts';
import { redialAfter } from '../../src/call/redial.ts';
import { serviceError } from '../../src/errors.ts';
import type { CrmCallRecord } from '../../src/services/crm.ts';
import type { LanguageModel, ModelRequest } from '../../src/services/language-model.ts';

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
      outcome: { ...outcome, putThrough: { to: 'front_desk', talkMs: 184_000 } },
    };
    const records: CrmCallRecord[] = [];
    const crm = {
      findContact: async () => undefined,
      updateContact: async () => true,
      recordCall: async (record: CrmCallRecord) => void records.push(record),
    };
    await deliverCrmRecord(crmDelivery(ended), { crm, languageModel: undefined, summaries: new Map() }, 0, new AbortController().signal);
    expect(records[0]?.body).toBe(
      'the agent said goodbye\n\nsuits: yes\nguests: 2\nnote: parks <outside>\ncall back: 2026-11-23T15:00:00.000Z\nput through to: front_desk; they talked for 184 s',
    );
  });

  const fields: AnswerFields = {
    suits: { type: 'yes-no', about: 'Does it suit?' },
    day: { type: 'text', about: 'Which day?' },
    seats: { type: 'number', about: 'How many?' },
  };
  const talked: EndedAttempt = {
    attemptId: 'a1',
    attempt: 1,
    campaign: { name: 'reminder', callerId: '+12025550199', language: 'en-US', answers: fields },
    contact: { phone: '+12025550101', timeZones: [], variables: {} },
    outcome: {
      ...outcome,
      answers: { suits: true },
      callBackAt: undefined,
      transcript: [{ speaker: 'callee', text: 'On Monday.', atMs: 0 }],
    },
  };
  const { signal } = new AbortController();

  function crmOf(records: CrmCallRecord[]) {
    return {
      findContact: async () => undefined,
      updateContact: async () => true,
      recordCall: async (record: CrmCallRecord) => void records.push(record),
    };
  }

  it('is completed from the transcript by the model, as far as it fits the campaign', async () => {
    const asked: ModelRequest[] = [];
    const languageModel: LanguageModel = {
      async *respond(request) {
        asked.push(request);
        yield { type: 'text', delta: 'They come on Monday.' };
        yield { type: 'tool-call', callId: '1', name: 'record_answers', arguments: '{"day":"Monday","seats":null}' };
        yield { type: 'tool-call', callId: '2', name: 'record_answers', arguments: '{"seats":"many"}' };
      },
    };
    const records: CrmCallRecord[] = [];
    await deliverCrmRecord(crmDelivery(talked), { crm: crmOf(records), languageModel, summaries: new Map() }, 0, signal);
    expect(Object.keys((asked[0]?.tools[0]?.parameters.properties as object) ?? {})).toEqual(['day', 'seats']);
    expect(records.map(({ body }) => body)).toEqual([
      'the agent said goodbye\n\nsuits: yes\n\nFound in the transcript afterwards:\nday: Monday\n\nSummary: They come on Monday.\n\n0:00 Callee: On Monday.',
    ]);
  });

  it.each(['transient', 'quota'] as const)(
    'stands there without its summary while the model is away (%s), and gets it when that is back',
    async (category) => {
      let away = true;
      const languageModel: LanguageModel = {
        async *respond() {
          if (away) throw serviceError('it is away', { service: 'openai:language-model', code: 'x', category });
          yield { type: 'text', delta: 'They come on Monday.' };
        },
      };
      const records: CrmCallRecord[] = [];
      const deps = { crm: crmOf(records), languageModel, summaries: new Map() };
      const deliver = (tries: number) => deliverCrmRecord(crmDelivery(talked), deps, tries, signal);
      for (const tries of [0, 1, 13]) await expect(deliver(tries)).rejects.toMatchObject({ category });
      expect(records.at(-1)?.body).toContain('Callee: On Monday.');
      expect(records.at(-1)?.body).not.toContain('Summary');
      // The last try doesn't fail for a summary.
      await deliver(14);
      away = false;
      await deliver(3);
      expect(records.at(-1)?.body).toContain('Summary: They come on Monday.');
      expect(new Set(records.map(({ key }) => key)).size).toBe(1);
    },
  );

  it('costs one summary, however often the CRM refuses it', async () => {
    let asked = 0;
    const languageModel: LanguageModel = {
      async *respond() {
        asked++;
        yield { type: 'text', delta: 'They come on Monday.' };
      },
    };
    const records: CrmCallRecord[] = [];
    const away = {
      ...crmOf(records),
      recordCall: () => Promise.reject(serviceError('away', { service: 'hubspot', code: '503', category: 'transient' })),
    };
    const summaries = new Map();
    for (let tries = 0; tries < 5; tries++)
      await expect(deliverCrmRecord(crmDelivery(talked), { crm: away, languageModel, summaries }, 0, signal)).rejects.toMatchObject({
        service: 'hubspot',
      });
    await deliverCrmRecord(crmDelivery(talked), { crm: crmOf(records), languageModel, summaries }, 0, signal);
    expect([asked, records.length, summaries.size]).toEqual([1, 1, 0]);
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
