import { describe, expect, it } from 'vitest';
import { type BrainReply, createRuleBrain } from '../../../src/sandbox/openai/brain.ts';

const brain = createRuleBrain();
const tools = ['end_call', 'opt_out'];

const REMINDER = `You speak in the language en-US.
Remind the person of the appointment at the dental practice.
{"name":"Dana","appointment":"tomorrow at half past ten"}
`;
const TERMIN = 'Sprache: de-DE. Erinnere an den Termin in der Zahnarztpraxis.\n{"termin":"morgen um neun Uhr"}';
const FOLLOW_UP = 'In the language en-GB, find out whether the lead wants advice.\n{"product":"a heat pump"}';
const SOLAR = 'In the language de-DE. Herausfinden, ob noch eine Beratung zu Solar gewünscht wird.\n{"produkt":"einer Wallbox"}';

/** Lets the callee say one thing after the other; returns what the agent said and did. */
function talk(instructions: string, ...callee: string[]): { said: string[]; tool?: string | undefined; last: BrainReply } {
  const messages: { role: 'user' | 'assistant'; text: string }[] = [];
  const said: string[] = [];
  let last: BrainReply = {};
  for (const [i, heard] of callee.entries()) {
    messages.push({ role: 'user', text: heard });
    last = brain({ instructions, messages, heard, turn: i + 1, tools, afterTool: false });
    said.push(last.text ?? '');
    messages.push({ role: 'assistant', text: last.text ?? '' });
  }
  return { said, tool: last.toolCalls?.[0]?.name, last };
}

describe('the rules behind the sandbox language model', () => {
  it('confirm an appointment and say goodbye', () => {
    const { said, tool } = talk(REMINDER, 'Yes, please.', 'Yes, that works for me.', 'No, that is all. Goodbye.');
    expect(said[0]).toContain('tomorrow at half past ten');
    expect(said[1]).toContain('confirmed');
    expect(tool).toBe('end_call');
  });

  it('tell the time when asked, and who is calling', () => {
    expect(talk(REMINDER, 'Hello?', 'What time is it?').said[1]).toContain('half past ten');
    expect(talk(REMINDER, 'Wait, who is this?').said[0]).toContain('dental practice');
  });

  it('move an appointment without promising a slot', () => {
    const { said, tool } = talk(REMINDER, "I can't make it. Can we move it?", 'Friday at three would be better.', 'Yes, thank you.');
    expect(said[0]).toContain('Which day');
    expect(said[1]).toContain('noted');
    expect(tool).toBe('end_call');
  });

  it('apologize to the wrong person', () => {
    expect(talk(REMINDER, 'You have the wrong number.').last.toolCalls).toMatchObject([
      { name: 'end_call', arguments: { farewell: expect.stringContaining('sorry') } },
    ]);
  });

  it.each([
    [REMINDER, 'Please stop calling me.'],
    [FOLLOW_UP, "Don't call me again!"],
    [TERMIN, 'Rufen Sie mich bitte nicht mehr an.'],
    [SOLAR, 'Lassen Sie mich in Ruhe.'],
  ])('take no for an answer for ever', (instructions, words) => {
    expect(talk(instructions, 'Hello?', words).tool).toBe('opt_out');
  });

  it('follow up on a lead, and let go of one without interest', () => {
    const { said, tool } = talk(FOLLOW_UP, 'Hello?', 'Yes, I am.', 'In the morning, please.', 'No, thank you.');
    expect(said[0]).toContain('a heat pump');
    expect(said[1]).toContain('morning or in the afternoon');
    expect(said[2]).toContain('noted');
    expect(tool).toBe('end_call');
    expect(talk(FOLLOW_UP, 'Hello?', 'No, not interested.').tool).toBe('end_call');
  });

  it('sprechen Deutsch', () => {
    const { said, tool } = talk(SOLAR, 'Weiß, guten Tag.', 'Ja, das passt mir gut.', 'Ja, gerne.', 'Nein, das war alles. Auf Wiederhören.');
    expect(said[0]).toContain('einer Wallbox');
    expect(said[1]).toContain('vormittags oder nachmittags');
    expect(said[2]).toContain('notiert');
    expect(tool).toBe('end_call');
    const termin = talk(TERMIN, 'Guten Tag.', 'Wann ist der?', 'Ja, das passt mir gut.');
    expect(termin.said[1]).toContain('morgen um neun Uhr');
    expect(termin.said[2]).toContain('bestätigt');
  });

  it('end a talk in which nothing is understood', () => {
    expect(talk(REMINDER, 'Hm.', 'Hm?', 'Hm!').said[1]).toContain('say it again');
    expect(talk(REMINDER, 'Hm.', 'Hm?', 'Hm!', 'Hm.').tool).toBe('end_call');
  });

  it('say the words when the tool is not at hand', () => {
    const reply = brain({ instructions: REMINDER, messages: [], heard: 'Wrong number.', turn: 1, tools: [], afterTool: false });
    expect(reply).toEqual({ text: 'I am sorry for the trouble. Goodbye.', toolCalls: [] });
  });
});
