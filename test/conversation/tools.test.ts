import { describe, expect, it, vi } from 'vitest';
import type { AnswerFields } from '../../src/call/campaign.ts';
import { isLoop } from '../../src/conversation/loops.ts';
import type { CrmFile } from '../../src/conversation/tools/crm.ts';
import { callsTool, type Script, says } from './telephone/scripts.ts';
import { driveTheClock, rule, talk } from './telephone/talk.ts';

const answers: AnswerFields = { suits: { type: 'yes-no', about: 'Does it suit?' }, note: { type: 'text', about: 'Anything else?' } };
const confirms = { when: [rule('suit you', 'Yes, it does.')] };
const farewell = callsTool('end_call', { farewell: 'See you then. Goodbye.' });

driveTheClock();

describe('what the call was to find out', () => {
  it('is recorded without a word, and the talk goes on', async () => {
    const { call, end, agent } = await talk({
      campaign: { answers },
      persona: confirms,
      model: [callsTool('record_answers', { suits: true, note: null }), farewell],
    });
    expect(end).toMatchObject({ disposition: 'completed', answers: { suits: true }, turns: 1 });
    expect(agent.at(-1)).toBe('See you then. Goodbye.');
    expect(call.requests[0]?.tools.map(({ name }) => name)).toContain('record_answers');
    expect(JSON.stringify(call.requests[1]?.messages)).toContain('stillMissing');
  });

  it('is recorded beside words, which are said once', async () => {
    const { call, end, agent } = await talk({
      campaign: { answers },
      persona: { when: [...confirms.when, rule('Anything', 'No.')] },
      model: [callsTool('record_answers', { suits: true, note: null }, 'Wonderful. Anything else?'), farewell],
    });
    expect(end.answers).toEqual({ suits: true });
    expect(agent.slice(1)).toEqual(['Wonderful. Anything else?', 'See you then. Goodbye.']);
    expect(call.requests).toHaveLength(2);
  });

  it('is kept when the callee hangs up afterwards', async () => {
    const { end } = await talk({
      campaign: { answers },
      persona: { when: [...confirms.when, rule('Anything', 'No.', { hangUp: true })] },
      model: [callsTool('record_answers', { suits: false, note: 'moved away' }, 'Anything else?'), says('Fine.')],
    });
    expect(end).toMatchObject({ disposition: 'hung-up', answers: { suits: false, note: 'moved away' } });
  });

  it('that does not fit is told to the model, which mends it before the call ends', async () => {
    const both: Script = async function* () {
      yield { type: 'tool-call', callId: 'a', name: 'record_answers', arguments: '{"suits":"maybe"}' };
      yield { type: 'tool-call', callId: 'b', name: 'end_call', arguments: '{"farewell":"Goodbye."}' };
    };
    const { call, end } = await talk({
      campaign: { answers },
      persona: confirms,
      model: [both, callsTool('record_answers', { suits: true, note: null }), farewell],
    });
    expect(end).toMatchObject({ disposition: 'completed', answers: { suits: true } });
    const memory = JSON.stringify(call.requests[1]?.messages);
    expect(memory).toContain('must be true or false');
    expect(memory).toContain('The call goes on');
  });
});

it('a call back that was agreed on is brought home with its time', async () => {
  vi.setSystemTime(Date.parse('2026-11-20T15:00:00Z'));
  const { end } = await talk({
    campaign: { callBack: true },
    persona: { when: [rule('suit you', 'Call me on Monday at ten.')] },
    model: [callsTool('schedule_call_back', { at: '2026-11-23T10:00' }), farewell],
  });
  expect(end).toMatchObject({ disposition: 'completed', callBackAt: Date.parse('2026-11-23T15:00:00Z') });
});

it('a model that only calls tools is given up politely', async () => {
  const { call, end } = await talk({
    campaign: { answers },
    persona: confirms,
    model: [callsTool('record_answers', { suits: true, note: null })],
  });
  expect(end).toMatchObject({ disposition: 'failed', reason: 'the language model kept calling tools and said nothing' });
  expect(call.requests.length).toBeLessThan(8);
});

describe('the CRM during the call', () => {
  const crm = { read: ['city'], update: ['city'] };
  const answersAfter = (ms: number, aborted: string[] = []): CrmFile => ({
    read: (_properties, signal) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => resolve({ city: 'Bonn' }), ms);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          aborted.push('lookup');
          reject(signal.reason);
        });
      }),
  });

  it('is looked up between two replies, and changed after the call', async () => {
    const { call, end, agent } = await talk({
      campaign: { crm },
      crm: answersAfter(300),
      persona: { when: [rule('suit you', 'Where do I live?'), rule('Bonn', 'In Cologne now.')] },
      model: [
        callsTool('look_up_crm', {}, 'One moment.'),
        says('You live in Bonn.'),
        callsTool('update_crm', { city: 'Cologne' }),
        farewell,
      ],
    });
    expect(agent.slice(1, 3)).toEqual(['One moment.', 'You live in Bonn.']);
    expect(JSON.stringify(call.requests[1]?.messages)).toContain('Bonn');
    expect(end).toMatchObject({ disposition: 'completed', crmUpdate: { city: 'Cologne' } });
  });

  it('is not waited for when the callee goes on to speak', async () => {
    const aborted: string[] = [];
    const { call, end } = await talk({
      campaign: { crm },
      crm: answersAfter(8_000, aborted),
      persona: { when: [rule('suit you', 'Where do I live?'), rule('moment', 'Never mind that.', { interruptAfterMs: 900 })] },
      model: [callsTool('look_up_crm', {}, 'One moment.'), farewell],
    });
    expect(aborted).toEqual(['lookup']);
    expect(JSON.stringify(call.requests[1]?.messages)).toContain('It did not work: it was cut off');
    expect(JSON.stringify(call.requests[1]?.messages)).toContain('Never mind that.');
    expect(end.disposition).toBe('completed');
  });
});

describe('two machines that talk to each other', () => {
  it('are noticed after the third time, and the call ends with a goodbye', async () => {
    const { call, end, agent } = await talk({
      persona: { when: [rule('.', 'I did not understand that.', { times: 50 })] },
      model: [says('Does Tuesday suit you?')],
    });
    expect(end).toMatchObject({ disposition: 'completed', reason: 'the same exchange came again and again, as between two machines' });
    expect(agent.at(-1)).toBe('Goodbye and have a nice day.');
    expect(call.requests.length).toBeLessThanOrEqual(4);
  });

  const alternating = (...texts: string[]) =>
    texts.map((text, i) => ({ speaker: i % 2 === 0 ? ('agent' as const) : ('callee' as const), text, atMs: i * 1_000 }));

  it('are found also when they alternate', () => {
    const round = ['Which day?', 'Pardon?', 'Which day suits you?', 'Please repeat.'];
    expect(isLoop(alternating(...round, ...round, ...round))).toBe(true);
    expect(isLoop(alternating(...round, ...round))).toBe(false);
  });

  it('are not a person who says yes to everything', () => {
    expect(isLoop(alternating('One?', 'Yes.', 'Two?', 'Yes.', 'Three?', 'Yes.', 'Four?', 'Yes.'))).toBe(false);
  });
});
