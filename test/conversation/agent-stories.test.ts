import { describe, expect, it } from 'vitest';
import type { CallLine } from '../../src/conversation/call-line.ts';
import type { TurnLatency } from '../../src/conversation/latency.ts';
import type { Brain } from '../../src/sandbox/openai/brain.ts';
import { sleep } from '../../src/sleep.ts';
import { loadOpenings } from './openings.ts';
import { type CallOptions, LIMITS, OPENING, placeCall } from './telephone/place-call.ts';
import { createAgentOnTheLine } from './telephone/sandbox-agent.ts';
import { driveTheClock, rule, toItsEnd } from './telephone/talk.ts';

const MESSAGE = 'Hello Dana, this is the dental practice. Please call us back. Goodbye.';
const GREETING = "Hi, you have reached Dana Miller. I can't come to the phone. Please leave a message after the tone. Thank you.";
const END = (farewell: string | null) => ({ toolCalls: [{ name: 'end_call', arguments: { farewell } }] });
const transfer: NonNullable<CallOptions['campaign']>['transfer'] = {
  ringTimeoutMs: 25_000,
  maxTalkMs: 3_600_000,
  targets: { billing: { endpoint: 'PJSIP/200', about: 'Bills', spoken: 'our billing desk', announce: true } },
};
const PUT_THROUGH = { toolCalls: [{ name: 'transfer_call', arguments: { to: 'billing', announcement: null } }] };
const asks = rule('suit you', 'I want to talk to somebody.');

driveTheClock();

/** A call that the sandbox's voice agent holds, from the answer to its end. */
async function talkWith(brain: Brain, options: CallOptions = {}, pace: { speed?: number } = {}) {
  const agent = createAgentOnTheLine(brain, pace);
  const call = placeCall({ linesReady: true, ...options, voiceAgent: agent.voiceAgent });
  return { ...(await toItsEnd(call)), thoughts: agent.thoughts, told: agent.told };
}

/** A line on which a colleague's phone rings for 5 s. */
function lineWith(result: Awaited<ReturnType<CallLine['transfer']>>) {
  const rings: { announced: boolean; calledOff: boolean }[] = [];
  const line: CallLine = {
    sendDtmf: async () => {},
    async transfer({ announcement, signal }) {
      const ring = { announced: (await announcement) !== undefined, calledOff: false };
      rings.push(ring);
      await sleep(5_000, signal).catch(() => {
        ring.calledOff = true;
      });
      return ring.calledOff ? { kind: 'unreached', reason: 'called off' } : result;
    },
  };
  return { line, rings };
}
const UNREACHED = { kind: 'unreached', reason: 'nobody answered (cause 19)' } as const;

describe('somebody who talks with a voice agent and wants somebody else', () => {
  it('is told, hears a phone ring, and is put through; the colleague is told who it is', async () => {
    const { line, rings } = lineWith({ kind: 'connected' });
    const { end, call } = await talkWith(() => PUT_THROUGH, { line, campaign: { transfer }, persona: { when: [asks] } });
    expect(end).toMatchObject({ disposition: 'transferred', reason: 'put through to billing' });
    expect(rings).toEqual([{ announced: true, calledOff: false }]);
    expect(call.person.heardText).toBe(`${OPENING} I will connect you with our billing desk. Please stay on the line.`);
  });

  it('is taken back when nobody comes, and the talk goes on', async () => {
    const { line } = lineWith(UNREACHED);
    const brain: Brain = ({ afterTool, heard }) => {
      if (afterTool) return { text: 'Shall they call you back?' };
      return /talk to somebody/.test(heard) ? PUT_THROUGH : END('They will. Goodbye.');
    };
    const persona = { when: [asks, rule('call you back', 'Yes, please.')] };
    const { end, call, thoughts } = await talkWith(brain, { line, campaign: { transfer }, persona });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText).toMatch(/I could not reach our billing desk\. Shall they call you back\? They will\. Goodbye\.$/);
    expect(thoughts).toHaveLength(3);
  });

  it('may talk while it rings, and is answered once they are back', async () => {
    const { line } = lineWith(UNREACHED);
    const brain: Brain = ({ heard, afterTool }) => {
      if (/hear something/.test(heard)) return END('That was the phone. Goodbye.');
      return afterTool ? { text: 'Shall they call you back?' } : PUT_THROUGH;
    };
    const persona = { when: [asks, rule('stay on the line', 'I hear something.'), rule('call you back', 'No.')] };
    const { end, call } = await talkWith(brain, { line, campaign: { transfer }, persona });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText).toMatch(/could not reach our billing desk\. /);
    expect(call.person.heardText).toMatch(/That was the phone\. Goodbye\.$/);
  });

  it('stops the ringing by opting out, with the key and with words', async () => {
    for (const way of [rule('stay on the line', '', { say: undefined, press: '9' }), rule('stay on the line', 'Stop calling me.')]) {
      const { line, rings } = lineWith(UNREACHED);
      const campaign = { transfer, optOutKey: '9' };
      const { end, call } = await talkWith(() => PUT_THROUGH, { line, campaign, persona: { when: [asks, way] } });
      expect(end.disposition).toBe('opted-out');
      expect(rings).toMatchObject([{ calledOff: true }]);
      expect(call.person.heardText).toMatch(/we will not call you again\. Goodbye\.$/);
    }
  });
});

describe('a voice agent at a menu of keys', () => {
  const menu = 'Welcome to the clinic. For appointments press one. For bills press two.';
  const press = (keys: string) => ({ text: 'Let me see.', toolCalls: [{ name: 'send_dtmf', arguments: { keys } }] });

  async function dialMenu(brain: Brain, persona: CallOptions['persona'], more: CallOptions = {}) {
    const agent = createAgentOnTheLine(brain);
    const keys: string[] = [];
    const line: CallLine = {
      async sendDtmf(pressed) {
        keys.push(pressed);
        for (const key of pressed) call.person.keyHeard(key);
      },
      transfer: async () => UNREACHED,
    };
    const campaign = { ivr: 'press-keys' } as const;
    const options = { line, linesReady: true, campaign, persona: { firstWords: menu, ...persona }, ...more };
    const call = placeCall({ ...options, voiceAgent: agent.voiceAgent });
    return { ...(await toItsEnd(call)), keys, thoughts: agent.thoughts };
  }

  it('goes through it to a person, who hears the whole opening and nothing that the menu was told', async () => {
    const brain: Brain = ({ heard }) => (/press/.test(heard) ? press('2') : END('Wonderful. Goodbye.'));
    const when = [rule('\\[2\\]', 'Billing, this is Ana speaking.'), rule('suit you', 'Yes.')];
    const { end, call, keys, thoughts } = await dialMenu(brain, { when });
    expect(end.disposition).toBe('completed');
    expect(keys).toEqual(['2']);
    expect(call.person.heardText.endsWith(`${OPENING} Wonderful. Goodbye.`)).toBe(true);
    expect(call.person.heardText).not.toContain('Let me see');
    expect(thoughts.at(-1)?.request.tools).toContain('end_call');
  });

  it('leaves one that leads nowhere, by name', async () => {
    const again = { ...rule('\\[2\\]', 'Sorry. For appointments press one. For bills press two.'), times: 20 };
    const { end, keys } = await dialMenu(() => press('2'), { when: [again] });
    expect(end).toMatchObject({ disposition: 'ivr', reason: expect.stringContaining('none of them led to a person') });
    expect(keys).toHaveLength(6);
  });

  it('that ends in a mailbox leaves the message there', async () => {
    const when = [rule('\\[2\\]', 'Nobody is here. Please leave a message after the tone.')];
    const { end, call } = await dialMenu(() => press('2'), { when }, { voicemailMessage: MESSAGE });
    expect(end).toMatchObject({ disposition: 'voicemail' });
    expect(call.person.heardText.endsWith(MESSAGE)).toBe(true);
  });

  it('does not end the call, whatever the agent wants: nobody was talked to yet', async () => {
    const brain: Brain = ({ heard, turn, afterTool }) => {
      if (!/press/.test(heard)) return END('Goodbye then.');
      return turn === 1 && !afterTool ? END('Goodbye.') : press('2');
    };
    const when = [rule('\\[2\\]', 'Billing, this is Ana speaking.'), rule('suit you', 'Yes.')];
    const { end, call } = await dialMenu(brain, { when });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText.endsWith(`${OPENING} Goodbye then.`)).toBe(true);
  });
});

describe('machines that a voice agent meets', () => {
  const machine = { picksUp: 'answering-machine' as const, machine: { greeting: GREETING, beepMs: 400, recordsMs: 30_000 } };

  it('a mailbox has the whole message on its tape and nothing of the agent’s', async () => {
    const { end } = await talkWith(() => ({ text: 'How may I help you?' }), { persona: machine, voicemailMessage: MESSAGE });
    expect(end).toMatchObject({ disposition: 'voicemail', turns: 0, reason: expect.stringContaining('after the beep') });
    expect(end.record.recordedText).toBe(MESSAGE);
  });

  it('a mailbox is hung up on where the campaign leaves no messages', async () => {
    const { end } = await talkWith(() => ({ text: 'How may I help you?' }), { persona: machine });
    expect(end).toMatchObject({ disposition: 'voicemail', reason: expect.stringContaining('hung up') });
  });

  it('a screening service is told who calls, and whom it puts us through to hears our opening', async () => {
    const introduction = 'Hello, this is the dental practice. I am calling about your appointment on Tuesday.';
    const { end, agent } = await talkWith(({ heard }) => (/^Yes/.test(heard) ? END('See you. Goodbye.') : { text: 'I see.' }), {
      introduction,
      persona: {
        firstWords: 'Hi. Before I try to connect you, please state your name and why you are calling.',
        when: [rule('appointment on Tuesday', 'Hello, Dana speaking.'), rule('suit you', 'Yes, it does.')],
      },
    });
    expect(end.disposition).toBe('completed');
    expect(agent.slice(-3)).toEqual([introduction, OPENING, 'See you. Goodbye.']);
  });

  it.each(loadOpenings().filter(({ is }) => is === 'fax'))(
    'a fax ($file) is known by its tone and hung up on; nobody thinks of an answer',
    async ({ pcm }) => {
      const { end, agent, thoughts } = await talkWith(() => ({ text: 'How may I help you?' }), {
        plays: pcm,
        persona: { hangsUpAfterMs: 40_000 },
      });
      expect(end).toMatchObject({ disposition: 'fax', reason: 'a fax machine answered', turns: 0 });
      expect([agent.slice(1), thoughts]).toEqual([[], []]);
      expect(end.tookMs).toBeLessThan(10_000);
    },
  );

  it('another machine is noticed by its going round in circles', async () => {
    const persona = { when: [{ ...rule('.', 'How can I help you today?'), times: 50 }] };
    const { end } = await talkWith(() => ({ text: 'How can I help you today?' }), { persona });
    expect(end).toMatchObject({ disposition: 'completed', reason: expect.stringContaining('as between two machines') });
  });
});

describe('people who talk with a voice agent', () => {
  it('who say nothing are asked, and let go', async () => {
    const { end, agent, thoughts } = await talkWith(() => ({ text: 'Never said.' }));
    expect(end).toMatchObject({ disposition: 'silent' });
    expect(agent.length).toBeGreaterThanOrEqual(3);
    expect(thoughts).toEqual([]);
  });

  it('opt out by a word, and by the key', async () => {
    const campaign = { optOutKey: '9' };
    for (const way of [rule('suit you', 'Stop calling me.'), rule('suit you', '', { say: undefined, press: '9' })]) {
      const { end, call } = await talkWith(() => ({ text: 'But why?' }), { campaign, persona: { when: [way] } });
      expect(end.disposition).toBe('opted-out');
      expect(call.optOuts).toHaveLength(1);
      expect(call.person.heardText).toMatch(/we will not call you again\. Goodbye\.$/);
      expect(call.person.heardText).not.toContain('But why?');
    }
  });

  it('say "mhm" while we go on: the service stops for it, and what was left is still said', async () => {
    const brain: Brain = ({ heard }) => {
      if (/cut off after/.test(heard)) return { text: 'Or come by bus, it stops at our door.' };
      return /park/.test(heard) ? { text: 'You can park behind the house. Or come by bus, it stops at our door.' } : END('Goodbye.');
    };
    const persona = {
      when: [rule('suit you', 'Where can I park?'), rule('behind', 'Mhm.', { interruptAfterMs: 0 }), rule('at our door', 'Thank you.')],
    };
    // Hardly faster than it is spoken: the end of it is not there yet when the service stops.
    const { end, call, thoughts } = await talkWith(brain, { persona }, { speed: 1.1 });
    expect(end.disposition).toBe('completed');
    expect(call.person.heardText).toMatch(/You can park behind .*it stops at our door\. Goodbye\.$/);
    expect(end.transcript.filter(({ speaker }) => speaker === 'callee').map(({ text }) => text)).toEqual([
      'Where can I park?',
      'Mhm.',
      'Thank you.',
    ]);
    expect(thoughts.some(({ request }) => /cut off after "You can park/.test(request.heard))).toBe(true);
  });

  it('wait for each answer as long as it is measured, stage by stage', async () => {
    const persona = { when: [rule('suit you', 'Where can I park?'), rule('house', 'Thank you.')] };
    const brain: Brain = ({ turn }) => (turn === 1 ? { text: 'Behind the house.' } : END('Goodbye.'));
    const { end } = await talkWith(brain, { persona });
    const [{ 'final transcript': final, 'first word': word, 'first sound': sound, heard } = {} as TurnLatency] = end.latencies;
    // Until the agent takes it for an end.
    expect(final).toBeGreaterThanOrEqual(400);
    expect(word).toBeGreaterThanOrEqual(final);
    expect(sound).toBeGreaterThanOrEqual(word);
    expect(heard).toBeGreaterThanOrEqual(sound);
    expect(heard).toBeLessThan(1_000);
  });

  it('hear a goodbye when the minutes of the connection have cost what they may, those before the answer included', async () => {
    const prices = {
      perMillionInputTokens: 0,
      perMillionOutputTokens: 0,
      perThousandCharacters: 0,
      perMinuteListened: 100,
      perMinuteOfCall: 0,
    };
    const cost = { most: 0.02, currency: 'EUR', ...prices, perMinuteOfAgent: 0.06 };
    const persona = { when: [{ ...rule('.', 'Tell me more.'), times: 50 }] };
    const brain: Brain = ({ turn }) => ({ text: `This is fact number ${turn}.` });
    const { end } = await talkWith(brain, { persona, campaign: { limits: { ...LIMITS, cost } } });
    expect(end).toMatchObject({ disposition: 'completed', reason: 'the limit of 0.02 EUR was reached' });
    expect(end.tookMs).toBeGreaterThan(19_000);
    expect(end.tookMs).toBeLessThan(40_000);
  });

  it('speak German, and so do we', async () => {
    const brain: Brain = () => ({ text: 'Schön.', ...END('Bis Dienstag. Auf Wiederhören.') });
    const persona = { language: 'de-DE', firstWords: 'Weiß, guten Tag.', when: [rule('passt', 'Ja, das passt.')] };
    const { end, agent, thoughts } = await talkWith(brain, {
      opening: 'Guten Tag, hier ist die Zahnarztpraxis. Ich bin ein Computer. Passt Ihnen Dienstag?',
      campaign: { language: 'de-DE' },
      persona,
    });
    expect(end.disposition).toBe('completed');
    expect(agent.slice(-2)).toEqual(['Schön.', 'Bis Dienstag. Auf Wiederhören.']);
    expect(thoughts.at(-1)?.request.heard).toBe('Ja, das passt.');
  });

  it('are called back when they say so', async () => {
    const brain: Brain = ({ afterTool }) =>
      afterTool
        ? { text: 'I will call you then.', ...END(null) }
        : { toolCalls: [{ name: 'schedule_call_back', arguments: { at: tomorrowAtThree() } }] };
    const { end } = await talkWith(brain, { campaign: { callBack: true }, persona: { when: [rule('suit you', 'Call me at three.')] } });
    expect(end).toMatchObject({ disposition: 'completed', callBackAt: expect.any(Number) });
  });

  it('are looked up in the CRM, and their record is changed', async () => {
    const brain: Brain = ({ afterTool, heard }) => {
      if (/moved/.test(heard))
        return afterTool ? END('Noted. Goodbye.') : { toolCalls: [{ name: 'update_crm', arguments: { city: 'Bonn' } }] };
      return afterTool
        ? { text: 'You still live in Köln?' }
        : { toolCalls: [{ name: 'look_up_crm', arguments: { properties: ['city'] } }] };
    };
    const { end, agent } = await talkWith(brain, {
      campaign: { crm: { read: ['city'], update: ['city'] } },
      crm: { read: async () => ({ city: 'Köln' }) },
      persona: { when: [rule('suit you', 'Where do I live?'), rule('Köln', 'I have moved to Bonn.')] },
    });
    expect(agent).toContain('You still live in Köln?');
    expect(end).toMatchObject({ disposition: 'completed', crmUpdate: { city: 'Bonn' } });
  });

  it('hear a goodbye at the limit of turns, and at the limit of time', async () => {
    const persona = { when: [{ ...rule('.', 'Tell me more.'), times: 50 }] };
    const counting: Brain = ({ turn }) => ({ text: `This is fact number ${turn}.` });
    const turns = await talkWith(counting, { persona, campaign: { limits: { ...LIMITS, maxTurns: 2 } } });
    expect(turns.end).toMatchObject({ disposition: 'completed', reason: 'the limit of 2 turns was reached', turns: 2 });
    const time = await talkWith(counting, { persona, campaign: { limits: { ...LIMITS, maxCallMs: 20_000 } } });
    expect(time.end).toMatchObject({ disposition: 'completed', reason: 'the limit of 20 s was reached' });
    for (const { call } of [turns, time]) expect(call.person.heardText).toMatch(/Goodbye and have a nice day\.$/);
  });
});

function tomorrowAtThree(): string {
  return `${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)}T15:00`;
}

describe('what the service measures of its replies', () => {
  it('stands in the log line that ends the talk', async () => {
    const { call } = await talkWith(({ heard }) => (heard.includes('Fine') ? END('Bye.') : { text: 'At noon then?' }), {
      persona: { when: [rule('suit you', 'Yes, it does.'), rule('noon then', 'Fine.')] },
    });
    const about = (ms: number) => expect.closeTo(ms, -1);
    // The agent thinks for 60 ms and speaks at once; a reply that is only a tool call has nothing to be heard.
    expect(call.logged.at(-1)).toMatchObject({
      agentLatency: { replies: 1, medianMs: { think: about(60), speak: about(0), total: about(60) } },
    });
  });
});
