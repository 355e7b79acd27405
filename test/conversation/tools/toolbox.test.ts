import { describe, expect, it } from 'vitest';
import type { AnswerFields } from '../../../src/call/campaign.ts';
import { localTime, unixTime } from '../../../src/conversation/tools/local-time.ts';
import { createToolbox } from '../../../src/conversation/tools/toolbox.ts';

const answers: AnswerFields = {
  suits: { type: 'yes-no', about: 'Does the appointment suit?' },
  guests: { type: 'number', about: 'How many come?' },
  part: { type: 'choice', about: 'When?', choices: ['morning', 'afternoon'] },
  note: { type: 'text', about: 'Anything else?' },
};
/** A Friday, 10:00 in New York. */
const NOW = Date.parse('2026-11-20T15:00:00Z');
const contact = { timeZones: ['America/New_York'] };
const box = () => createToolbox({ campaign: { answers, callBack: true }, contact, now: () => NOW });
const call = (name: string, args: unknown) => ({ callId: '1', name, arguments: typeof args === 'string' ? args : JSON.stringify(args) });

describe('answers', () => {
  it('are recorded as they come, and corrected', () => {
    const toolbox = box();
    const first = toolbox.run(call('record_answers', { suits: true, guests: 2, part: null, note: null }));
    expect(first).toMatchObject({ kind: 'done', output: expect.stringContaining('"stillMissing":["part","note"]') });
    toolbox.run(call('record_answers', { suits: false, part: 'morning' }));
    expect(toolbox.broughtHome.answers).toEqual({ suits: false, guests: 2, part: 'morning' });
  });

  it.each([
    [{ suits: 'yes' }, '"suits" must be true or false'],
    [{ guests: '2' }, '"guests" must be a number'],
    [{ part: 'night' }, '"part" must be one of morning, afternoon'],
    [{ note: 'x'.repeat(501) }, 'at most 500 characters'],
    [{ salary: 3 }, 'there is no answer "salary"'],
    [{ __proto__: null, constructor: 'x' }, 'there is no answer "constructor"'],
    ['{"suits":', 'not a JSON object'],
  ])('that do not fit the campaign (%j) are refused as a whole, and the model is told why', (args, why) => {
    const toolbox = box();
    const refused = toolbox.run(
      call('record_answers', typeof args === 'string' ? args : { ...args, guests: 'guests' in args ? args.guests : 1 }),
    );
    expect(refused?.kind).toBe('mistake');
    expect(JSON.parse(refused?.output ?? '').error).toContain(why);
    expect(toolbox.broughtHome).toEqual({});
  });

  it('are asked for only where the campaign wants some', () => {
    const names = (campaign: object) =>
      createToolbox({ campaign, contact })
        .tools()
        .map(({ name }) => name);
    expect(names({})).toEqual(['end_call', 'opt_out']);
    expect(names({ answers, callBack: true })).toEqual(['end_call', 'opt_out', 'record_answers', 'schedule_call_back']);
    expect(createToolbox({ campaign: {}, contact }).run(call('record_answers', {}))).toBeUndefined();
  });
});

describe('a call back', () => {
  it("is scheduled on the callee's own clock, and the model knows what time it is there", () => {
    const toolbox = box();
    expect(toolbox.tools().at(-1)?.description).toContain('It is now 2026-11-20T10:00 (Friday)');
    toolbox.run(call('schedule_call_back', { at: '2026-11-23T15:30' }));
    expect(toolbox.broughtHome.callBackAt).toBe(Date.parse('2026-11-23T20:30:00Z'));
  });

  it.each([
    [{ at: '2026-11-20T09:00' }, 'past or too soon'],
    [{ at: '2027-11-20T09:00' }, 'more than 60 days'],
    [{ at: 'tomorrow' }, 'must be a date and time'],
    [{}, 'must be a date and time'],
  ])('at %j is refused', (args, why) => {
    const toolbox = box();
    expect(toolbox.run(call('schedule_call_back', args))).toMatchObject({ kind: 'mistake', output: expect.stringContaining(why) });
    expect(toolbox.broughtHome).toEqual({});
  });

  it('meets the right hour on both sides of a change of clocks', () => {
    for (const local of ['2026-10-25T01:30', '2026-10-25T03:30', '2026-03-29T01:30', '2026-03-29T03:30', '2026-07-01T00:00']) {
      expect(localTime(unixTime(local, 'Europe/Berlin') ?? 0, 'Europe/Berlin')).toBe(local);
    }
  });
});
