import { afterAll, describe, expect, it } from 'vitest';
import type { TurnLatency } from '../../src/conversation/latency.ts';
import { eventually } from '../eventually.ts';
import { drawLatencies } from './latency-plot.ts';
import { startSandboxWorld } from './sandbox-world.ts';

const OPENING = 'Hello, this is the dental practice. I am an AI and this call is recorded. Does Tuesday at noon suit you?';
const NUMBER = '+12025550150';

/** Of every reply in these calls: real clients, sockets, media, and a model and a voice that take their time. */
const latencies: TurnLatency[] = [];

afterAll(() => drawLatencies(latencies, 'turn-latency'));

// They wait for speech to be spoken, so they may as well wait together.
describe.concurrent('a whole call through the sandbox', { timeout: 90_000 }, () => {
  it('confirms an appointment, and every word of both sides arrives', async () => {
    await using world = await startSandboxWorld();
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
    latencies.push(...end.latencies);
    // The first is decided upon before it is thought about; the next one is thought about before it is decided upon.
    expect(end.latencies.length).toBeGreaterThanOrEqual(1);
    for (const turn of end.latencies) expect(turn.heard).toBeLessThan(10_000);
  });

  it('stops within a few frames when somebody barges in, and remembers what they heard', async () => {
    const reply =
      'You can park behind the house, or use the bus that stops in front of our door every ten minutes from six until midnight.';
    await using world = await startSandboxWorld({
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
      brain: ({ turn }) =>
        turn === 1 ? { text: reply } : { toolCalls: [{ name: 'end_call', arguments: { farewell: 'All right. Goodbye.' } }] },
    });
    const { end, person, agent } = await world.call('barges-in', { opening: OPENING });
    expect(agent, JSON.stringify([agent, person])).toHaveLength(3);
    const [opening, cut = '', farewell] = agent;
    expect([opening, farewell]).toEqual([OPENING, 'All right. Goodbye.']);
    expect(end.transcript[2]).toMatchObject({ text: cut, bargedIn: true });

    const heard = person.heardText.slice(`${OPENING} `.length, -' All right. Goodbye.'.length);
    expect(heard).toContain('house,');
    expect(reply.startsWith(heard)).toBe(true);
    expect(reply.startsWith(cut)).toBe(true);
    expect(Math.abs(heard.split(' ').length - cut.split(' ').length)).toBeLessThanOrEqual(2);
    // From the word that made them speak to our silence: their first sound, 100 ms of detection, two frames, and a slow machine.
    const house = person.heard.find(({ text }) => text === 'house,')?.endMs ?? 0;
    const last =
      person.heard.filter(({ text }) => reply.includes(text) && text !== 'All').findLast(({ endMs }) => endMs < house + 3_000)?.endMs ?? 0;
    expect(last - house).toBeLessThan(1_500);
    // The next reply is thought of with what was heard, and nothing else.
    const memory =
      world.openAi.replies
        .at(-1)
        ?.request.messages.map(({ text }) => text)
        .join(' ') ?? '';
    expect(memory).toContain(cut);
    expect(memory).not.toContain('midnight');
  });

  it('speaks the first sentence while the model still writes the last', async () => {
    const text = `It is at noon. ${'Please bring your card and come in by the door behind the house. '.repeat(4)}Goodbye.`;
    await using world = await startSandboxWorld({
      people: [{ role: 'asks', number: NUMBER, when: [{ heard: 'suit you', say: 'What time?' }], hangsUpAfterGoodbyeMs: 300 }],
      brain: () => ({ text, toolCalls: [{ name: 'end_call', arguments: { farewell: null } }] }),
    });
    const { end, person } = await world.call('asks', { opening: OPENING });
    expect(end.disposition).toBe('completed');
    expect(person.heardText).toBe(`${OPENING} ${text}`);
    expect(world.openAi.replies).toHaveLength(1);
  });

  it('leaves somebody alone who asks for it', async () => {
    await using world = await startSandboxWorld();
    const { end, person } = await world.call('wants-to-be-left-alone', { opening: OPENING });
    expect(end.disposition).toBe('opted-out');
    expect(person.heardText).toMatch(/we will not call you again\. Goodbye\.$/);
    expect(world.openAi.replies).toEqual([]);
  });

  it('ends at once when the callee hangs up', async () => {
    await using world = await startSandboxWorld();
    const { end, person } = await world.call('hangs-up-early', { opening: OPENING });
    expect(end.disposition).toBe('hung-up');
    expect(person.endedBy).toBe('person');
    expect(OPENING.startsWith(end.transcript[0]?.text ?? '?')).toBe(true);
  });

  it('talks German', async () => {
    await using world = await startSandboxWorld();
    const { end, person, agent } = await world.call('speaks-german', {
      opening: 'Guten Tag, hier ist die Zahnarztpraxis. Ich bin eine KI und das Gespräch wird aufgezeichnet. Es geht um Ihren Termin.',
      campaign: { language: 'de-DE', goal: 'Den Termin bestätigen.', goodbye: 'Auf Wiederhören.' },
    });
    expect(end.disposition).toBe('completed');
    expect(person.heardText).toBe(agent.join(' '));
  });

  it('says that something is broken when the language model is, and says which', async () => {
    await using world = await startSandboxWorld();
    world.openAi.faults.set({
      kind: 'status',
      status: 503,
      body: { error: { message: 'overloaded', type: 'server_error', code: 'server_is_overloaded' } },
    });
    const { end, person } = await world.call('answers-and-asks', { opening: 'I am calling about your appointment.' });
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'openai:language-model', status: 503 } });
    expect(person.heardText).toMatch(/technical difficulties\. Please call back later\.$/);
  });

  it('says that something is broken when speech-to-text breaks off', async () => {
    await using world = await startSandboxWorld({
      people: [{ role: 'asks', number: NUMBER, when: [{ heard: 'recorded', say: 'Oh!', interruptAfterMs: 0 }] }],
    });
    const calling = world.call('asks', { opening: OPENING });
    await eventually(() => expect(world.elevenLabs.sessions).toBe(1));
    setTimeout(() => world.elevenLabs.dropSessions(), 3_000);
    const { end, person } = await calling;
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'elevenlabs:speech-to-text' } });
    expect(person.heardText).toMatch(/technical difficulties\. Please call back later\.$/);
  });

  it('ends without dead air when text-to-speech breaks off', async () => {
    await using world = await startSandboxWorld();
    const calling = world.call('answers-and-asks', { opening: 'I am calling about your appointment.' });
    setTimeout(() => world.elevenLabs.faults.set({ kind: 'status', status: 503 }, { path: /text-to-speech/ }), 1_500);
    const { end, person } = await calling;
    expect(world.openAi.replies).toHaveLength(1);
    expect(end).toMatchObject({ disposition: 'failed', error: { service: 'elevenlabs:text-to-speech' } });
    expect(person.endedAt - person.answeredAt).toBeLessThan(20_000);
  });
});
