import { afterEach, describe, expect, it } from 'vitest';
import type { ServiceError } from '../../src/errors.ts';
import { deepgramErrors } from '../../src/sandbox/deepgram/deepgram-errors.ts';
import { type DeepgramSandboxOptions, startDeepgramSandbox } from '../../src/sandbox/deepgram/deepgram-sandbox.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';
import { createDeepgramAgent, type DeepgramAgentOptions, tryVoiceAgent } from '../../src/services/deepgram-agent.ts';
import type { AgentBrief, AgentEvent, VoiceAgent, VoiceAgentRequest } from '../../src/services/voice-agent.ts';
import { say, startScriptedSocket } from './scripted-socket.ts';
import { failureOf } from './settled.ts';

const API_KEY = 'dg-key-0123456789abcdef';
const MODELS = { listen: 'nova-3', think: 'open_ai/gpt-4.1-mini', speak: 'aura-2-thalia-en' };
const TOOL = { name: 'end_call', description: 'Ends the call.', parameters: { type: 'object', properties: {} } };
const { signal } = new AbortController();

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function deepgram(options: Partial<DeepgramSandboxOptions> = {}) {
  const sandbox = await startDeepgramSandbox({
    apiKey: API_KEY,
    speed: 50,
    thinkMs: 10,
    brain: ({ heard }) => ({ text: `You said ${heard}.` }),
    ...options,
  });
  closers.push(sandbox.close);
  return { sandbox, agent: agentAt(sandbox.url) };
}

function agentAt(url: string, more: Partial<DeepgramAgentOptions> = {}): ReturnType<typeof createDeepgramAgent> {
  return createDeepgramAgent({
    apiKey: API_KEY,
    agentUrl: url,
    baseUrl: url,
    models: MODELS,
    deadlineMs: 10_000,
    stallMs: 10_000,
    ...more,
  });
}

/** Opens a session and notes what it tells. */
async function converse(agent: VoiceAgent, more: Partial<VoiceAgentRequest> = {}) {
  const call = new AbortController();
  const events: AgentEvent[] = [];
  const failures: ServiceError[] = [];
  const heard: string[] = [];
  const sampleRate = more.sampleRate ?? 8000;
  const listener = createListener(sampleRate);
  const session = await agent.open({
    ...{ sampleRate, language: 'en-US', voice: 'a-voice', signal: call.signal },
    brief: (): AgentBrief => ({ instructions: 'Be kind.', tools: [TOOL] }),
    history: () => [],
    onEvent(event) {
      events.push(event);
      if (event.kind === 'sound') heard.push(...listener.push(event.pcm).map(({ text }) => text));
    },
    onError: (error) => failures.push(error),
    ...more,
  });
  closers.push(() => session.close());
  return {
    session,
    call,
    events,
    failures,
    kinds: () => events.map(({ kind }) => kind),
    heard: () => heard.join(' '),
    voice(text: string) {
      const pcm = Buffer.concat([speak(text, sampleRate), Buffer.alloc(sampleRate)]);
      for (let at = 0; at < pcm.length; at += sampleRate / 25) session.hear(pcm.subarray(at, at + sampleRate / 25));
    },
  };
}

describe('the Deepgram voice agent', () => {
  it.each([8000, 16_000, 24_000])('hears and answers at %i Hz, word for word', async (sampleRate) => {
    const { agent } = await deepgram();
    const { voice, heard, events, failures } = await converse(agent, { sampleRate });
    voice('good morning');
    await expect.poll(heard).toBe('You said good morning.');
    await expect
      .poll(() => events.filter(({ kind }) => kind !== 'sound'))
      .toEqual([
        { kind: 'callee-speaks' },
        { kind: 'callee-said', text: 'good morning' },
        { kind: 'words', text: 'You said good morning.' },
        { kind: 'latency', thinkMs: expect.any(Number), speakMs: expect.any(Number), totalMs: expect.any(Number) },
        { kind: 'said' },
      ]);
    expect(failures).toEqual([]);
  });

  it('is set up with the language, our instructions and tools, and what was said before; the greeting stays ours', async () => {
    const { sandbox, agent } = await deepgram();
    await converse(agent, {
      language: 'de-AT',
      history: () => [
        { role: 'assistant', text: 'Guten Tag.' },
        { role: 'user', text: 'Hallo.' },
        { role: 'system', text: 'A remark.' },
        { role: 'tool-call', callId: 'c1', name: 'end_call', arguments: '{}' },
        { role: 'tool-result', callId: 'c1', output: 'ok' },
      ],
    });
    const [settings] = sandbox.agentSettings;
    expect(settings?.audio).toEqual({
      input: { encoding: 'linear16', sample_rate: 8000 },
      output: { encoding: 'linear16', sample_rate: 8000, container: 'none' },
    });
    expect(settings?.agent.greeting).toBeUndefined();
    expect(settings?.agent.listen.provider).toMatchObject({ model: 'nova-3', language: 'de' });
    expect(settings?.agent.think).toMatchObject({ provider: { type: 'open_ai', model: 'gpt-4.1-mini' }, prompt: 'Be kind.' });
    expect(settings?.agent.think.functions).toEqual([{ ...TOOL, defer_until_eot: true }]);
    expect(settings?.agent.context?.messages).toEqual([
      { type: 'History', role: 'assistant', content: 'Guten Tag.' },
      { type: 'History', role: 'user', content: 'Hallo.' },
      { type: 'History', function_calls: [{ id: 'c1', name: 'end_call', client_side: true, arguments: '{}', response: 'ok' }] },
    ]);
  });

  it('listens by Flux and speaks by ElevenLabs with the campaign’s voice, where it is told to', async () => {
    const { sandbox } = await deepgram();
    const elevenLabs = { apiKey: 'el-key', baseUrl: 'https://api.elevenlabs.io', model: 'eleven_flash_v2_5' };
    await converse(agentAt(sandbox.url, { models: { ...MODELS, listen: 'flux-general-multi', speak: { elevenLabs } } }), {
      language: 'de-DE',
    });
    const { listen, speak: voice } = sandbox.agentSettings[0]?.agent ?? {};
    expect(listen?.provider).toEqual({ type: 'deepgram', version: 'v2', model: 'flux-general-multi', language_hints: ['de'] });
    expect(voice).toEqual({
      provider: { type: 'eleven_labs', model_id: 'eleven_flash_v2_5', language_code: 'de' },
      endpoint: { url: 'wss://api.elevenlabs.io/v1/text-to-speech/a-voice/multi-stream-input', headers: { 'xi-api-key': 'el-key' } },
    });
  });

  it('says our own words at once, instead of its own', async () => {
    const { agent } = await deepgram();
    const { session, heard } = await converse(agent);
    session.ask('tell me a very long story about the sea and the ships');
    await expect.poll(heard).toContain('said');
    session.say('Goodbye.');
    await expect.poll(heard).toContain('Goodbye.');
    expect(heard()).not.toContain('ships.');
  });

  it('has our tools called, and thinks on with what came of them', async () => {
    const { sandbox, agent } = await deepgram({
      brain: ({ afterTool }) => (afterTool ? { text: 'It is done.' } : { toolCalls: [{ name: 'end_call', arguments: { why: 'asked' } }] }),
    });
    const { session, events, heard, kinds } = await converse(agent);
    session.ask('do it');
    await expect.poll(kinds).toContain('tool-calls');
    const event = events.find(({ kind }) => kind === 'tool-calls');
    const call = event?.kind === 'tool-calls' ? event.calls[0] : undefined;
    expect(call).toMatchObject({ name: 'end_call', arguments: '{"why":"asked"}' });
    if (call) session.answerToolCall(call, '{"ok":true}');
    await expect.poll(heard).toBe('It is done.');
    expect(sandbox.agentReplies).toHaveLength(2);
  });

  it('tells of tool calls that are no longer wanted', async () => {
    const { agent } = await deepgram({ brain: () => ({ toolCalls: [{ name: 'end_call', arguments: {} }] }) });
    const { session, voice, kinds } = await converse(agent);
    session.ask('do it');
    await expect.poll(kinds).toContain('tool-calls');
    voice('no wait');
    await expect.poll(kinds).toContain('tool-calls-cancelled');
  });

  it('takes new instructions in the middle of a call, in place of the old ones', async () => {
    const { sandbox, agent } = await deepgram();
    let instructions = 'Be kind.';
    const { session } = await converse(agent, { brief: () => ({ instructions, tools: [] }) });
    instructions = 'Be brief.';
    session.briefAnew();
    session.ask('hello');
    await expect.poll(() => sandbox.agentReplies[0]?.request).toMatchObject({ instructions: 'Be brief.', tools: [] });
  });

  it('is kept alive while the phone rings', async () => {
    const { sandbox } = await deepgram({ idleTimeoutMs: 600 });
    const { failures } = await converse(agentAt(sandbox.url, { keepAliveMs: 100 }));
    await new Promise((done) => setTimeout(done, 1_000));
    expect([sandbox.sessions, failures]).toEqual([1, []]);
  });

  it.each([
    ['invalidAuth401', 'auth', 'INVALID_AUTH'],
    ['paymentRequired402', 'quota', 'ASR_PAYMENT_REQUIRED'],
    ['tooManyRequests429', 'rate-limited', 'TOO_MANY_REQUESTS'],
    ['unavailable503', 'transient', 'SERVICE_UNAVAILABLE'],
    ['html502', 'transient', 'http-502'],
  ])('tells a handshake that is refused with %s', async (preset, category, code) => {
    const { sandbox, agent } = await deepgram();
    const refusal = deepgramErrors[preset as keyof typeof deepgramErrors];
    sandbox.faults.set(refusal);
    expect(await failureOf(converse(agent))).toMatchObject({ service: 'deepgram:voice-agent', category, code, status: refusal.status });
    expect(await failureOf(agent.probe(signal))).toMatchObject({ category, code });
  });

  it('tells what to set when its settings are refused', async () => {
    const { sandbox } = await deepgram();
    const failure = await failureOf(converse(agentAt(sandbox.url, { models: { ...MODELS, speak: 'nova-of-the-sea' } })));
    expect(failure).toMatchObject({ category: 'permanent', code: 'INVALID_SETTINGS' });
    expect(failure.message).toContain('DEEPGRAM_AGENT_VOICE');
  });

  it.each([
    ['INTERNAL_SERVER_ERROR', 'transient', 'INTERNAL_SERVER_ERROR'],
    ['FAILED_TO_THINK', 'transient', 'FAILED_TO_THINK'],
    ['FAILED_TO_SPEAK', 'transient', 'FAILED_TO_SPEAK'],
    ['ASR_CONNECTION_CLOSED', 'transient', 'ASR_CONNECTION_CLOSED'],
    ['ASR_DRIVER_TIMEOUT', 'transient', 'ASR_DRIVER_TIMEOUT'],
    ['FAILED_TO_START_LISTENING', 'transient', 'FAILED_TO_START_LISTENING'],
    ['AN_ERROR_OF_THE_FUTURE', 'transient', 'service-error'],
    ['CLIENT_MESSAGE_TIMEOUT', 'permanent', 'session-idle'],
    ['MAXIMUM_SESSION_LENGTH_REACHED', 'permanent', 'session-over'],
    ['SERVER_GOING_AWAY', 'permanent', 'session-over'],
    ['UNPARSABLE_CLIENT_MESSAGE', 'permanent', 'UNPARSABLE_CLIENT_MESSAGE'],
    ['USER_AUDIO_FORMAT', 'permanent', 'USER_AUDIO_FORMAT'],
  ])('tells the error message %s, without the key', async (sent, category, code) => {
    const { sandbox, agent } = await deepgram();
    const { failures, session } = await converse(agent);
    sandbox.failSessions(sent, `no: ${API_KEY}`);
    await expect.poll(() => failures).toMatchObject([{ category, code }]);
    expect(JSON.stringify([failures[0]?.message, failures[0]?.stack, String(failures[0]?.cause)])).not.toContain(API_KEY);
    session.say('nobody hears this');
    expect(failures).toHaveLength(1);
  });

  it('notices a service that is cut off, closes without a word, or answers rubbish', async () => {
    const { sandbox, agent } = await deepgram();
    const first = await converse(agent);
    sandbox.dropSessions();
    await expect.poll(() => first.failures).toMatchObject([{ category: 'transient' }]);
    sandbox.faults.set({ kind: 'lie', body: '<html>' });
    expect(await failureOf(converse(agent))).toMatchObject({ code: 'unreadable-answer', category: 'transient' });
    sandbox.faults.set({ kind: 'stall', afterBytes: 0 });
    expect(await failureOf(converse(agentAt(sandbox.url, { deadlineMs: 200 })))).toMatchObject({
      code: 'no-answer',
      category: 'transient',
    });
  });

  it('takes a service that listens and never answers for a failed one', async () => {
    const server = await startScriptedSocket({
      onConnection: (socket) => say(socket, { type: 'Welcome', request_id: 'r1' }),
      onMessage: ({ type }, socket) => type === 'Settings' && say(socket, { type: 'SettingsApplied' }),
    });
    closers.push(server.close);
    const { session, failures } = await converse(agentAt(server.url, { deadlineMs: 200 }));
    session.ask('hello');
    await expect.poll(() => failures).toMatchObject([{ code: 'no-answer', category: 'transient' }]);
  });

  it('goes on after a warning, and after messages that it does not know', async () => {
    const server = await startScriptedSocket({
      onConnection: (socket) => say(socket, { type: 'Welcome', request_id: 'r1' }),
      onMessage({ type }, socket) {
        if (type !== 'Settings') return;
        say(socket, { type: 'SettingsApplied' });
        say(socket, { type: 'SomethingOfTheFuture', deep: [1] });
        say(socket, { type: 'FunctionCallRequest', functions: [null, 7, { name: 'theirs', client_side: false }] });
        say(socket, { type: 'ConversationText', role: 'assistant', content: 7 });
        say(socket, { type: 'Warning', code: 'SLOW_THINK_REQUEST', description: 'It takes long.' });
      },
    });
    closers.push(server.close);
    const { events, failures } = await converse(agentAt(server.url));
    await expect.poll(() => events).toEqual([{ kind: 'warning', code: 'SLOW_THINK_REQUEST', detail: 'It takes long.' }]);
    expect(failures).toEqual([]);
  });

  it('ends at once and silently when the call ends', async () => {
    const { sandbox, agent } = await deepgram();
    const { call, failures } = await converse(agent);
    call.abort(new Error('the callee hung up'));
    await expect.poll(() => sandbox.sessions).toBe(0);
    expect(failures).toEqual([]);
  });

  it('is well when its key is good, and tried when it has thought of a word and begun to say it', async () => {
    const { sandbox, agent } = await deepgram();
    await agent.probe(signal);
    await tryVoiceAgent(agent, 8000, signal);
    await expect.poll(() => sandbox.sessions).toBe(0);
    sandbox.faults.set({ kind: 'stall', afterBytes: 0 }, { path: /agent/ });
    expect(await failureOf(tryVoiceAgent(agentAt(sandbox.url, { deadlineMs: 200 }), 8000, signal))).toMatchObject({ code: 'no-answer' });
    await expect(tryVoiceAgent(agent, 8000, AbortSignal.timeout(100))).rejects.toThrow('timeout');
  });
});
