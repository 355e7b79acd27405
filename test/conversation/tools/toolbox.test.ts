import { describe, expect, it } from 'vitest';
import type { AnswerFields } from '../../../src/call/campaign.ts';
import { linesFor } from '../../../src/conversation/lines.ts';
import { type BroughtHome, campaignTools } from '../../../src/conversation/tools/campaign-tools.ts';
import type { CrmFile } from '../../../src/conversation/tools/crm.ts';
import { localTime, unixTime } from '../../../src/conversation/tools/local-time.ts';
import type { Tool } from '../../../src/conversation/tools/tool.ts';
import { createToolbox, outputOf } from '../../../src/conversation/tools/toolbox.ts';
import { serviceError } from '../../../src/errors.ts';

const answers: AnswerFields = {
  suits: { type: 'yes-no', about: 'Does the appointment suit?' },
  guests: { type: 'number', about: 'How many come?' },
  part: { type: 'choice', about: 'When?', choices: ['morning', 'afternoon'] },
  note: { type: 'text', about: 'Anything else?' },
};
/** A Friday, 10:00 in New York. */
const NOW = Date.parse('2026-11-20T15:00:00Z');

function open(campaign: object = { answers, callBack: true }, crm?: CrmFile) {
  const broughtHome: BroughtHome = {};
  const tools = campaignTools({
    campaign: { goodbye: 'Goodbye.', ...campaign },
    contact: { timeZones: ['America/New_York'] },
    lines: linesFor('en-US'),
    broughtHome,
    crm,
    now: () => NOW,
  });
  return { ...use(tools), broughtHome };
}

function use(tools: Tool[], signal = new AbortController().signal) {
  const faults: string[] = [];
  const toolbox = createToolbox(tools, (_error, tool) => void faults.push(tool));
  return {
    faults,
    names: () => toolbox.describe().map(({ name }) => name),
    about: (name: string) => toolbox.describe().find((tool) => tool.name === name)?.description ?? '',
    /** A tool call as the model writes it, and what the model is told. */
    async call(name: string, args: unknown) {
      const json = typeof args === 'string' ? args : JSON.stringify(args);
      const result = await toolbox.run({ callId: '1', name, arguments: json }, { signal, say: async () => {} });
      return { ...result, told: result.kind === 'closing' ? '' : outputOf(result) };
    },
  };
}

const tool = (run: Tool['run']): Tool => ({ name: 'weather', describe: () => ({ description: '', parameters: {} }), run });

describe('answers', () => {
  it('are recorded as they come, and corrected', async () => {
    const { call, broughtHome } = open();
    const first = await call('record_answers', { suits: true, guests: 2, part: null, note: null });
    expect(first).toMatchObject({ kind: 'done', told: expect.stringContaining('"stillMissing":["part","note"]') });
    await call('record_answers', { suits: false, part: 'morning' });
    expect(broughtHome.answers).toEqual({ suits: false, guests: 2, part: 'morning' });
  });

  it.each([
    [{ suits: 'yes' }, '"suits" must be true or false'],
    [{ guests: '2' }, '"guests" must be a number'],
    [{ part: 'night' }, '"part" must be one of morning, afternoon'],
    [{ note: 'x'.repeat(501) }, 'at most 500 characters'],
    [{ salary: 3 }, 'there is no answer "salary"'],
    [{ __proto__: null, constructor: 'x' }, 'there is no answer "constructor"'],
    ['{"suits":', 'not a JSON object'],
  ])('that do not fit the campaign (%j) are refused as a whole, and the model is told why', async (args, why) => {
    const { call, broughtHome } = open();
    const refused = await call('record_answers', typeof args === 'string' ? args : { ...args, guests: 'guests' in args ? args.guests : 1 });
    expect(refused.kind).toBe('mistake');
    expect(JSON.parse(refused.told).error).toContain(why);
    expect(broughtHome).toEqual({});
  });

  it('are asked for only where the campaign wants some', async () => {
    expect(open({}).names()).toEqual(['end_call', 'opt_out']);
    expect(open().names()).toEqual(['end_call', 'opt_out', 'record_answers', 'schedule_call_back']);
    expect((await open({}).call('record_answers', {})).told).toContain('no tool \\"record_answers\\"; the tools are end_call, opt_out');
  });
});

describe('a call back', () => {
  it("is scheduled on the callee's own clock, and the model knows what time it is there", async () => {
    const { call, about, broughtHome } = open();
    expect(about('schedule_call_back')).toContain('It is now 2026-11-20T10:00 (Friday)');
    await call('schedule_call_back', { at: '2026-11-23T15:30' });
    expect(broughtHome.callBackAt).toBe(Date.parse('2026-11-23T20:30:00Z'));
  });

  it.each([
    [{ at: '2026-11-20T09:00' }, 'past or too soon'],
    [{ at: '2027-11-20T09:00' }, 'more than 60 days'],
    [{ at: 'tomorrow' }, 'must be a date and time'],
    [{}, 'must be a date and time'],
  ])('at %j is refused', async (args, why) => {
    const { call, broughtHome } = open();
    expect(await call('schedule_call_back', args)).toMatchObject({ kind: 'mistake', told: expect.stringContaining(why) });
    expect(broughtHome).toEqual({});
  });

  it('meets the right hour on both sides of a change of clocks', () => {
    for (const local of ['2026-10-25T01:30', '2026-10-25T03:30', '2026-03-29T01:30', '2026-03-29T03:30', '2026-07-01T00:00']) {
      expect(localTime(unixTime(local, 'Europe/Berlin') ?? 0, 'Europe/Berlin')).toBe(local);
    }
  });
});

describe('the end of a talk', () => {
  it('is never held up by arguments that make no sense, when somebody wants to be left alone', async () => {
    expect(await open().call('opt_out', '{"ackno')).toMatchObject({ kind: 'closing', disposition: 'opted-out', words: undefined });
    expect(await open().call('end_call', '{"fare')).toMatchObject({ kind: 'mistake' });
  });
});

describe('a tool that fails', () => {
  it('is told to the model as failed, with the reason of the service', async () => {
    const down = serviceError('HubSpot answered 503', { service: 'hubspot', code: '503', category: 'transient' });
    const { call, faults } = use([tool(() => Promise.reject(down))]);
    expect(await call('weather', {})).toMatchObject({ kind: 'failed', told: expect.stringContaining('HubSpot answered 503') });
    expect(faults).toEqual(['weather']);
  });

  it('by a fault of ours is told without its innards, and logged', async () => {
    const { call, faults } = use([tool(() => Promise.reject(new TypeError('x is undefined at secret.ts')))]);
    const { told } = await call('weather', {});
    expect(told).not.toContain('secret.ts');
    expect(faults).toEqual(['weather']);
  });

  it('because it was cut off is no fault', async () => {
    const { call, faults } = use([tool((_args, { signal }) => Promise.reject(signal.reason))], AbortSignal.abort());
    expect(await call('weather', {})).toMatchObject({ kind: 'failed' });
    expect(faults).toEqual([]);
  });
});

describe('the CRM during the call', () => {
  const access = { crm: { read: ['jobtitle', 'city'], update: ['jobtitle'] } };
  const known: CrmFile = { read: async () => ({ jobtitle: 'Pilot', salary: 'secret' }) };

  it('may be read as far as the campaign says, and no further', async () => {
    expect(open(access, known).about('look_up_crm')).toContain('jobtitle, city');
    expect((await open(access, known).call('look_up_crm', {})).told).toBe('{"jobtitle":"Pilot","city":null}');
    expect(open({ crm: { read: [], update: [] } }, known).names()).toEqual(['end_call', 'opt_out']);
    expect(open(access).names()).toEqual(['end_call', 'opt_out']);
  });

  it('that does not answer is told to the model, which goes on without', async () => {
    const down = serviceError('HubSpot gave no answer within 1800 ms', { service: 'hubspot', code: 'no-answer', category: 'transient' });
    const { told } = await open(access, { read: () => Promise.reject(down) }).call('look_up_crm', {});
    expect(told).toContain('no answer within 1800 ms');
    expect((await open(access, { read: async () => undefined }).call('look_up_crm', {})).told).toContain('knows nobody');
  });

  it('is told of changes after the call, all together', async () => {
    const { call, broughtHome } = open({ crm: { read: [], update: ['jobtitle', 'city'] } }, known);
    await call('update_crm', { jobtitle: 'Pilot', city: null });
    await call('update_crm', { jobtitle: 'Captain', city: ' Bonn ' });
    expect(broughtHome.crmUpdate).toEqual({ jobtitle: 'Captain', city: 'Bonn' });
  });

  it.each([
    [{ city: 'Bonn' }, '"city" may not be changed'],
    [{ jobtitle: 7 }, 'must be a text'],
    [{ jobtitle: 'x'.repeat(501) }, 'at most 500'],
    [{ jobtitle: null }, 'no property has a value'],
    [{ constructor: 'x' }, '"constructor" may not be changed'],
  ])('is not changed by %j', async (args, why) => {
    const { call, broughtHome } = open(access, known);
    expect((await call('update_crm', args)).told).toContain(JSON.stringify(why).slice(1, -1));
    expect(broughtHome).toEqual({});
  });
});
