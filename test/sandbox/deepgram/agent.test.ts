import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type DeepgramSandbox, startDeepgramSandbox } from '../../../src/sandbox/deepgram/deepgram-sandbox.ts';
import type { Brain } from '../../../src/sandbox/openai/brain.ts';
import { createListener, speak } from '../../../src/sandbox/voice/voice.ts';

type Message = Record<string, unknown>;

const RATE = 8000;
const TOOL = { name: 'end_call', description: 'Ends the call.', parameters: { type: 'object', properties: {} } };
const settings = (agent: Message = {}) => ({
  type: 'Settings',
  audio: { input: { encoding: 'linear16', sample_rate: RATE }, output: { encoding: 'linear16', sample_rate: RATE, container: 'none' } },
  agent: {
    listen: { provider: { type: 'deepgram', model: 'nova-3', language: 'en' } },
    think: { provider: { type: 'open_ai', model: 'gpt-4.1-mini' }, prompt: 'Be kind.', functions: [TOOL] },
    speak: { provider: { type: 'deepgram', model: 'aura-2-thalia-en' } },
    ...agent,
  },
});

let sandbox: DeepgramSandbox;
let brain: Brain;
beforeEach(async () => {
  brain = ({ heard }) => ({ text: `You said: ${heard}. Good.` });
  sandbox = await startDeepgramSandbox({ apiKey: 'right', brain: (request) => brain(request), speed: 50, thinkMs: 10 });
});
afterEach(() => sandbox.close());

async function open(first: unknown = settings()) {
  const socket = new WebSocket(`${sandbox.url.replace('http', 'ws')}/v1/agent/converse`, { headers: { authorization: 'Token right' } });
  const messages: Message[] = [];
  const heard: string[] = [];
  const listener = createListener(RATE);
  const closed = Promise.withResolvers<[number, string]>();
  socket.on('message', (data, isBinary) => {
    if (isBinary) heard.push(...listener.push(data as Buffer).map(({ text }) => text));
    else messages.push(JSON.parse(String(data)));
  });
  socket.on('close', (code, reason) => closed.resolve([code, String(reason)]));
  await once(socket, 'open');
  const tell = (message: unknown) => socket.send(JSON.stringify(message));
  if (first !== null) tell(first);
  return {
    socket,
    tell,
    messages,
    closed: closed.promise,
    types: () => messages.map(({ type }) => type),
    texts: (role: string) => messages.filter((one) => one.type === 'ConversationText' && one.role === role).map(({ content }) => content),
    heard: () => heard.join(' '),
    say(text: string, quietMs = 500) {
      const pcm = Buffer.concat([speak(text, RATE), Buffer.alloc(16 * quietMs)]);
      for (let at = 0; at < pcm.length; at += 320) socket.send(pcm.subarray(at, at + 320));
    },
  };
}

describe('the voice agent of the Deepgram sandbox', () => {
  it('hears, thinks and speaks, sentence by sentence, in the order of the real one', async () => {
    const agent = await open();
    agent.say('hello there');
    await expect.poll(agent.types, { timeout: 5_000 }).toContain('AgentAudioDone');
    const told = agent.types().filter((type) => type !== 'History');
    expect(told).toEqual([
      ...['Welcome', 'SettingsApplied', 'UserStartedSpeaking', 'ConversationText', 'AgentThinking'],
      ...['ConversationText', 'LatencyReport', 'ConversationText', 'AgentAudioDone'],
    ]);
    expect([agent.texts('user'), agent.texts('assistant')]).toEqual([['hello there'], ['You said: hello there.', 'Good.']]);
    expect(agent.heard()).toBe('You said: hello there. Good.');
    expect(sandbox.agentReplies[0]?.request).toMatchObject({ instructions: 'Be kind.', tools: ['end_call'], turn: 1 });
  });

  it('reports how long the user waited for each reply, in seconds, and how long a function call took that came without words', async () => {
    brain = ({ afterTool }) => (afterTool ? { text: 'Done.' } : { toolCalls: [{ name: 'end_call', arguments: {} }] });
    const agent = await open();
    const reports = () => agent.messages.filter(({ type }) => type === 'LatencyReport');
    agent.say('hello');
    await expect.poll(reports).toHaveLength(1);
    expect(Object.keys(reports()[0] ?? {})).toEqual(['type', 'ttt_token_latency', 'ttt_tool_latency']);
    const request = agent.messages.find(({ type }) => type === 'FunctionCallRequest')?.functions as Message[];
    agent.tell({ type: 'FunctionCallResponse', id: request[0]?.id, name: 'end_call', content: '{}' });
    await expect.poll(reports).toHaveLength(2);
    const { ttt_text_latency: think, tts_latency: speak, total_latency: total } = reports()[1] as Record<string, number>;
    // Ten milliseconds of thinking.
    expect(think).toBeGreaterThanOrEqual(0.009);
    expect(total).toBeGreaterThanOrEqual(Number(think) + Number(speak) - 0.001);
    expect(total).toBeLessThan(5);
  });

  it('falls silent when the user speaks, and cancels what it asked the client to do', async () => {
    brain = () => ({
      text: 'This is a long story that nobody wants to hear to its very end.',
      toolCalls: [{ name: 'end_call', arguments: {} }],
    });
    const agent = await open();
    agent.say('go on');
    await expect.poll(agent.types).toContain('FunctionCallRequest');
    agent.say('stop');
    await expect.poll(agent.types).toContain('FunctionCallCancelled');
    expect(agent.heard()).not.toContain('end.');
    expect(agent.types()).not.toContain('AgentAudioDone');
  });

  it('goes on thinking with what a function came to', async () => {
    brain = ({ afterTool }) => (afterTool ? { text: 'Done.' } : { toolCalls: [{ name: 'end_call', arguments: { why: 'x' } }] });
    const agent = await open();
    agent.tell({ type: 'InjectUserMessage', content: 'do it' });
    await expect.poll(agent.types).toContain('FunctionCallRequest');
    const { functions } = agent.messages.find(({ type }) => type === 'FunctionCallRequest') ?? {};
    const [call] = functions as Message[];
    expect(call).toMatchObject({ name: 'end_call', client_side: true, arguments: '{"why":"x"}' });
    agent.tell({ type: 'FunctionCallResponse', id: call?.id, name: 'end_call', content: 'ok' });
    await expect.poll(() => agent.texts('assistant')).toEqual(['Done.']);
  });

  it('says what it is told to, at once or not at all', async () => {
    const agent = await open();
    agent.tell({ type: 'InjectAgentMessage', message: 'Are you still there?' });
    await expect.poll(agent.heard).toBe('Are you still there?');
    agent.say('yes wait a moment please', 0);
    agent.tell({ type: 'InjectAgentMessage', message: 'Hello?' });
    await expect.poll(agent.types).toContain('InjectionRefused');
    agent.tell({ type: 'InjectAgentMessage', message: 'Goodbye.', behavior: 'interrupt' });
    await expect.poll(agent.heard).toContain('Goodbye.');
  });

  it('begins with the history that it is given', async () => {
    const messages = [
      { type: 'History', role: 'user', content: 'I like tea.' },
      { type: 'History', function_calls: [{ id: '1', name: 'end_call', client_side: true, arguments: '{}', response: 'ok' }] },
    ];
    const agent = await open(settings({ context: { messages } }));
    agent.tell({ type: 'InjectUserMessage', content: 'what do I like' });
    await expect.poll(() => sandbox.agentReplies[0]?.request.messages.map(({ text }) => text)).toEqual(['I like tea.', 'what do I like']);
  });

  it.each([
    ['audio before the settings', null, 'NON_SETTINGS_MESSAGE_BEFORE_SETTINGS'],
    ['settings that make no sense', settings({ speak: { provider: { type: 'deepgram', model: 'flux-alexis-en' } } }), 'INVALID_SETTINGS'],
    ['settings with something unknown in them', settings({ mood: 'good' }), 'INVALID_SETTINGS'],
    ['a message that it does not know', { type: 'Hello' }, 'UNPARSABLE_CLIENT_MESSAGE'],
  ])('ends the session after %s', async (_what, first, code) => {
    const agent = await open(first);
    if (first === null) agent.socket.send(Buffer.alloc(320));
    expect((await agent.closed)[0]).toBe(1011);
    expect(agent.messages.at(-1)).toMatchObject({ type: 'Error', code });
  });

  it('takes settings once', async () => {
    const agent = await open();
    agent.tell(settings());
    await agent.closed;
    expect(agent.messages.at(-1)).toMatchObject({ type: 'Error', code: 'SETTINGS_ALREADY_APPLIED' });
  });

  it('gives up a client that sends nothing, unless it says that it lives', async () => {
    await sandbox.close();
    sandbox = await startDeepgramSandbox({ idleTimeoutMs: 400 });
    const [alive, dead] = [await open(), await open()];
    const beat = setInterval(() => alive.tell({ type: 'KeepAlive' }), 50);
    await dead.closed;
    clearInterval(beat);
    expect(dead.messages.at(-1)).toMatchObject({ type: 'Error', code: 'CLIENT_MESSAGE_TIMEOUT' });
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  });
});
