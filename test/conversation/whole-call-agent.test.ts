import { describe, expect, it } from 'vitest';
import { startSandboxWorld } from './sandbox-world.ts';

const OPENING = 'Hello, this is the dental practice. I am an AI and this call is recorded. Does Tuesday at noon suit you?';
const NUMBER = '+12025550150';
const AGENT = { ai: 'deepgram-agent' } as const;

const endCall = (farewell: string | null) => [{ name: 'end_call', arguments: { farewell } }];

// They wait for speech to be spoken, so they may as well wait together.
describe.concurrent('a whole call with a voice agent', { timeout: 90_000 }, () => {
  it('confirms an appointment, and every word of both sides arrives', async () => {
    await using world = await startSandboxWorld(AGENT);
    const { end, person, agent } = await world.call('answers-and-confirms', {
      opening: 'Hello Dana, this is the dental practice. I am an AI and this call is recorded. I am calling about your appointment.',
      campaign: { goal: 'Confirm the dental appointment.' },
      variables: { appointment: 'on Tuesday at noon' },
    });
    expect(end.disposition).toBe('completed');
    expect(person.heardText).toBe(agent.join(' '));
    expect(end.transcript.filter(({ speaker }) => speaker === 'callee').map(({ text }) => text)).toEqual(person.said);
    expect(agent.at(-1)).toMatch(/Goodbye\.$/);
    expect(end.turns).toBeGreaterThanOrEqual(2);
    // One connection did it all.
    expect(world.deepgram.agentSettings).toHaveLength(1);
    expect(world.openAi.replies).toEqual([]);
  });

  it('stops when somebody barges in, and the agent is told what they heard', async () => {
    const reply =
      'You can park behind the house, or use the bus that stops in front of our door every ten minutes from six until midnight.';
    await using world = await startSandboxWorld({
      ...AGENT,
      people: [
        {
          role: 'barges-in',
          number: NUMBER,
          when: [
            { heard: 'suit you', say: 'Where can I park?' },
            { heard: 'house', say: 'Stop, I know that.', interruptAfterMs: 0 },
          ],
        },
      ],
      brain: ({ turn }) => (turn === 1 ? { text: reply } : { toolCalls: endCall('All right. Goodbye.') }),
    });
    const { end, person, agent } = await world.call('barges-in', { opening: OPENING });
    expect(agent).toHaveLength(3);
    const [opening, cut = '', farewell] = agent;
    expect([opening, farewell]).toEqual([OPENING, 'All right. Goodbye.']);
    expect(end.transcript[2]).toMatchObject({ text: cut, bargedIn: true });
    const heard = person.heardText.slice(`${OPENING} `.length, -' All right. Goodbye.'.length);
    expect(heard).toContain('house,');
    expect(reply.startsWith(heard)).toBe(true);
    expect(reply.startsWith(cut)).toBe(true);
    expect(Math.abs(heard.split(' ').length - cut.split(' ').length)).toBeLessThanOrEqual(2);
    const house = person.heard.find(({ text }) => text === 'house,')?.endMs ?? 0;
    const last =
      person.heard.filter(({ text }) => reply.includes(text) && text !== 'All').findLast(({ endMs }) => endMs < house + 3_000)?.endMs ?? 0;
    expect(last - house).toBeLessThan(1_500);
    expect(world.deepgram.agentReplies.at(-1)?.request.instructions).toContain(`they heard only: ${JSON.stringify(cut)}`);
  });

  it('writes answers down in the middle of the talk, and the agent goes on', async () => {
    await using world = await startSandboxWorld({
      ...AGENT,
      people: [
        {
          role: 'answers',
          number: NUMBER,
          when: [
            { heard: 'suit you', say: 'Yes it does.' },
            { heard: 'noted', say: 'Goodbye.' },
          ],
        },
      ],
      brain: ({ afterTool, heard }) => {
        if (/goodbye/i.test(heard)) return { text: 'Goodbye.', toolCalls: endCall(null) };
        return afterTool ? { text: 'I have noted that.' } : { toolCalls: [{ name: 'record_answers', arguments: { suits: true } }] };
      },
    });
    const { end, agent, person } = await world.call('answers', {
      opening: OPENING,
      campaign: { answers: { suits: { type: 'yes-no', about: 'Whether Tuesday suits.' } } },
    });
    expect(end).toMatchObject({ disposition: 'completed', reason: 'the agent said goodbye', answers: { suits: true } });
    expect(agent).toEqual([OPENING, 'I have noted that.', 'Goodbye.']);
    expect(person.heardText).toBe(agent.join(' '));
  });

  it('leaves somebody alone when the agent finds that they want to be', async () => {
    await using world = await startSandboxWorld({
      ...AGENT,
      people: [{ role: 'hints', number: NUMBER, when: [{ heard: 'suit you', say: 'Please let me be.' }] }],
      brain: () => ({ toolCalls: [{ name: 'opt_out', arguments: { acknowledgement: 'I understand. Goodbye.' } }] }),
    });
    const { end, person } = await world.call('hints', { opening: OPENING });
    expect(end.disposition).toBe('opted-out');
    expect(person.heardText).toBe(`${OPENING} I understand. Goodbye.`);
  });

  it('goes on with the history when the connection is cut in the middle of a sentence', async () => {
    const reply = 'You can park behind the house, or in the street in front of it when the market is not open.';
    let cut = () => {};
    await using world = await startSandboxWorld({
      ...AGENT,
      // Slowly enough that half of it is there when the connection goes.
      agentSpeed: 1.2,
      people: [
        {
          role: 'asks',
          number: NUMBER,
          when: [
            { heard: 'suit you', say: 'Where can I park?' },
            { heard: 'anyway', say: 'Goodbye.' },
          ],
          patienceMs: 60_000,
        },
      ],
      brain: ({ heard }) => {
        if (/cut off after/.test(heard)) return { text: 'Come by bus anyway.' };
        if (!/park/.test(heard)) return { text: 'Goodbye.', toolCalls: endCall(null) };
        cut();
        return { text: reply };
      },
    });
    cut = () => void setTimeout(world.deepgram.dropSessions, 2_500);
    const { end, agent, person } = await world.call('asks', { opening: OPENING });
    expect(end.disposition).toBe('completed');
    const [, part = '', ...rest] = agent;
    expect(part.length).toBeGreaterThan(10);
    expect(reply.startsWith(part)).toBe(true);
    expect(rest.filter((text) => text !== 'One moment, please.')).toEqual(['Come by bus anyway.', 'Goodbye.']);
    expect(person.heardText).toMatch(/^Hello, .* You can park behind .*Come by bus anyway\. Goodbye\.$/);
    const [, second] = world.deepgram.agentSettings;
    expect(second?.agent.context?.messages).toContainEqual({ type: 'History', role: 'assistant', content: OPENING });
    expect(world.deepgram.agentReplies.find(({ request }) => /cut off/.test(request.heard))?.request.heard).toContain(
      `cut off after ${JSON.stringify(part)}`,
    );
  });

  it('apologises, and names the service, when the connection is gone for good', async () => {
    await using world = await startSandboxWorld({
      ...AGENT,
      people: [{ role: 'asks', number: NUMBER, when: [{ heard: 'suit you', say: 'Where can I park?' }], patienceMs: 60_000 }],
    });
    const { end, person } = await world.call('asks', {
      opening: OPENING,
      calleePatienceMs: 4_000,
      beforeTalk() {
        world.deepgram.faults.set({ kind: 'status', status: 503 });
        world.deepgram.dropSessions();
      },
    });
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'deepgram:voice-agent', status: 503 } });
    expect(person.heardText).toMatch(/technical difficulties\. Please call back later\.$/);
  });

  it('apologises when the agent has gone silent', async () => {
    await using world = await startSandboxWorld({
      ...AGENT,
      people: [{ role: 'asks', number: NUMBER, when: [{ heard: 'suit you', say: 'Where can I park?' }], patienceMs: 60_000 }],
      brain: () => ({}),
    });
    const { end, person } = await world.call('asks', { opening: OPENING, calleePatienceMs: 3_000 });
    expect(end.disposition).toBe('failed');
    expect(end.error?.service).toMatch(/voice-agent$/);
    expect(person.heardText).toBe(
      `${OPENING} One moment, please. We are currently experiencing technical difficulties. Please call back later.`,
    );
  });

  it('ends at once when the callee hangs up', async () => {
    await using world = await startSandboxWorld(AGENT);
    const { end, person } = await world.call('hangs-up-early', { opening: OPENING });
    expect(end.disposition).toBe('hung-up');
    expect(person.endedBy).toBe('person');
  });
});
