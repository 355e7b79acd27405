import { afterEach, describe, expect, it } from 'vitest';
import { PermanentError, type ServiceError } from '../../src/errors.ts';
import { deepgramErrors } from '../../src/sandbox/deepgram/deepgram-errors.ts';
import { startDeepgramSandbox } from '../../src/sandbox/deepgram/deepgram-sandbox.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';
import { createDeepgramAgent } from '../../src/services/deepgram-agent.ts';
import type { ModelMessage } from '../../src/services/language-model.ts';
import { createReconnectingVoiceAgent, type ReconnectingAgentOptions } from '../../src/services/reconnecting-voice-agent.ts';
import type { AgentEvent, VoiceAgent } from '../../src/services/voice-agent.ts';

const RATE = 8000;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function talk(options: (agent: VoiceAgent) => ReconnectingAgentOptions = () => ({})) {
  const sandbox = await startDeepgramSandbox({ speed: 50, thinkMs: 10, brain: ({ heard }) => ({ text: `You said ${heard}.` }) });
  const agent = createDeepgramAgent({
    ...{ apiKey: 'k', agentUrl: sandbox.url, deadlineMs: 5_000, stallMs: 10_000 },
    models: { listen: 'nova-3', think: 'open_ai/gpt-4.1-mini', speak: 'aura-2-thalia-en' },
  });
  const events: AgentEvent[] = [];
  const failures: ServiceError[] = [];
  const lost: string[] = [];
  const history: ModelMessage[] = [];
  const heard: string[] = [];
  const listener = createListener(RATE);
  const call = new AbortController();
  const session = await createReconnectingVoiceAgent(agent, {
    ...{ patienceMs: 20_000, initialDelayMs: 20, longestDelayMs: 100 },
    onLost: ({ code }) => lost.push(code),
    ...options(agent),
  }).open({
    ...{ sampleRate: RATE, language: 'en', voice: 'v', signal: call.signal },
    brief: () => ({ instructions: 'Be kind.', tools: [] }),
    history: () => history,
    onEvent(event) {
      events.push(event);
      if (event.kind === 'sound') heard.push(...listener.push(event.pcm).map(({ text }) => text));
    },
    onError: (error) => failures.push(error),
  });
  closers.push(() => session.close(), sandbox.close);
  const send = (pcm: Buffer) => {
    for (let at = 0; at < pcm.length; at += 320) session.hear(pcm.subarray(at, at + 320));
  };
  return {
    sandbox,
    session,
    call,
    events,
    failures,
    lost,
    history,
    send,
    kinds: () => events.map(({ kind }) => kind),
    heard: () => heard.join(' '),
  };
}

describe('a voice agent that outlives its connections', () => {
  it('is set up anew with what was said so far, and hears again what the callee was in the middle of', async () => {
    const { sandbox, send, kinds, heard, history, lost, failures } = await talk();
    const pcm = Buffer.concat([speak('good morning to you', RATE), Buffer.alloc(RATE)]);
    const half = Math.round(pcm.length / 6) * 2;
    send(pcm.subarray(0, half));
    await expect.poll(kinds).toContain('callee-speaks');
    history.push({ role: 'assistant', text: 'Hello.' });
    sandbox.dropSessions();
    await expect.poll(kinds).toContain('lost');
    send(pcm.subarray(half));
    await expect.poll(kinds).toContain('restored');
    await expect.poll(heard).toBe('You said good morning to you.');
    expect(sandbox.agentSettings.map(({ agent }) => agent.context?.messages)).toEqual([
      undefined,
      [{ type: 'History', role: 'assistant', content: 'Hello.' }],
    ]);
    expect([lost.length, failures]).toEqual([1, []]);
  });

  it('is replaced at once, and without a word to the breaker, when its session was merely over', async () => {
    const { sandbox, kinds, lost } = await talk();
    sandbox.failSessions('MAXIMUM_SESSION_LENGTH_REACHED');
    await expect.poll(kinds).toEqual(['lost', 'restored']);
    sandbox.failSessions('SERVER_GOING_AWAY');
    await expect.poll(kinds).toEqual(['lost', 'restored', 'lost', 'restored']);
    expect(lost).toEqual([]);
  });

  it('is given up when nobody would wait any longer, with what was wrong', async () => {
    const { sandbox, session, failures, kinds } = await talk(() => ({ patienceMs: 400 }));
    sandbox.faults.set(deepgramErrors.unavailable503);
    sandbox.dropSessions();
    await expect.poll(() => failures).toMatchObject([{ status: 503 }]);
    session.say('nobody hears this');
    expect(kinds()).toEqual(['lost']);
    expect(sandbox.faults.requests.length).toBeGreaterThan(2);
  });

  it('is given up at once when its breaker is open, or the service objects to us', async () => {
    for (const code of ['breaker-open', 'INVALID_SETTINGS']) {
      const refused = new PermanentError('no', { service: 'deepgram:voice-agent', code, category: 'permanent' });
      let asked = 0;
      const reopen: VoiceAgent = {
        async open() {
          asked++;
          throw refused;
        },
      };
      const { sandbox, failures } = await talk(() => ({ reopen }));
      sandbox.dropSessions();
      await expect.poll(() => failures).toEqual([refused]);
      expect(asked).toBe(1);
    }
  });

  it('reconnects no more when the call is over', async () => {
    const { sandbox, call, failures } = await talk(() => ({ initialDelayMs: 100 }));
    sandbox.dropSessions();
    call.abort(new Error('the callee hung up'));
    await expect.poll(() => sandbox.sessions).toBe(0);
    await new Promise((done) => setTimeout(done, 300));
    expect([sandbox.agentSettings.length, failures]).toEqual([1, []]);
  });
});
