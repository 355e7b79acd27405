import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';
import type { ServiceError } from '../src/errors.ts';
import { createLogger, type LogLine } from '../src/logger.ts';
import { breakerPolicy } from '../src/resilience/breaker-policy.ts';
import { createBreakers } from '../src/resilience/breakers.ts';
import { createGuard } from '../src/resilience/guard.ts';
import { deepgramErrors } from '../src/sandbox/deepgram/deepgram-errors.ts';
import { startDeepgramSandbox } from '../src/sandbox/deepgram/deepgram-sandbox.ts';
import { elevenLabsErrors } from '../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { startElevenLabsSandbox } from '../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { openAiErrors } from '../src/sandbox/openai/openai-errors.ts';
import { startOpenAiSandbox } from '../src/sandbox/openai/openai-sandbox.ts';
import { createListener, speak } from '../src/sandbox/voice/voice.ts';
import { loadElevenLabsSdk } from '../src/services/elevenlabs-client.ts';
import { createServices } from '../src/wire-clients.ts';
import { createCallFences } from '../src/wire-fences.ts';
import { fenceServices } from '../src/wire-services.ts';
import { collect } from './services/settled.ts';

const SAMPLE_RATE = 8000;
const TEXT = 'good morning I would like to move my appointment';
const quiet = { info() {}, warn() {}, error() {} };
const { signal } = new AbortController();

// As a worker does at its start: it takes longer than a service may.
beforeAll(async () => {
  await loadElevenLabsSdk();
}, 120_000);

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Every service of a call against the sandbox, behind real breakers of one process. */
async function wired(settings: Record<string, string>) {
  const elevenLabs = await startElevenLabsSandbox();
  const openAi = await startOpenAiSandbox();
  const second = await startOpenAiSandbox();
  const deepgram = await startDeepgramSandbox();
  closers.push(elevenLabs.close, openAi.close, second.close, deepgram.close);
  const config = loadConfig(['call'], {
    ...{ ARI_USERNAME: 'u', ARI_PASSWORD: 'p', ELEVENLABS_API_KEY: 'e', OPENAI_API_KEY: 'o', DEEPGRAM_API_KEY: 'd' },
    ...{
      ELEVENLABS_BASE_URL: elevenLabs.url,
      OPENAI_BASE_URL: openAi.baseUrl,
      DEEPGRAM_BASE_URL: deepgram.url,
      DEEPGRAM_AGENT_URL: deepgram.url,
    },
    ...{ SECOND_MODEL_API_KEY: 's', SECOND_MODEL_BASE_URL: second.baseUrl, SECOND_MODEL: 'the-other-model' },
    CALLEE_PATIENCE: '60000',
    ...settings,
  });
  const raw = createServices(config);
  const policy = breakerPolicy(config.serviceDeadlineMs, config.retry);
  const names = [
    'elevenlabs:text-to-speech',
    'elevenlabs:speech-to-text',
    'openai:text-to-speech',
    'deepgram:speech-to-text',
    'openai:speech-to-text',
    'deepgram:voice-agent',
  ];
  const breakers = createBreakers({
    services: Object.fromEntries([...names, 'openai:language-model', 'second:language-model'].map((name) => [name, { policy }])),
    prefix: 'alone',
    onChange() {},
    log: quiet,
  });
  closers.push(() => breakers.stop());
  const guard = (service: string, { retries = config.retry.retries } = {}) =>
    createGuard({ breaker: breakers.of(service), policy: { ...config.retry, retries }, deadlineMs: config.serviceDeadlineMs, log: quiet });
  const lines: LogLine[] = [];
  const log = createLogger({ level: 'info', secrets: config.secrets, write: (line) => void lines.push(JSON.parse(line) as LogLine) });
  const services = fenceServices({ config, raw, fences: { breakers, policy, guard }, log });
  return { elevenLabs, openAi, second, deepgram, breakers, policy, services, lines };
}

async function listen({ services }: Awaited<ReturnType<typeof wired>>) {
  const finals: string[] = [];
  const failures: ServiceError[] = [];
  if (!('speechToText' in services.ai)) throw new Error('the voice agent was not asked for');
  const session = await services.ai.speechToText.open({
    sampleRate: SAMPLE_RATE,
    language: 'en',
    onInterim() {},
    onFinal: (text) => finals.push(text),
    onError: (error) => failures.push(error),
    signal,
  });
  closers.push(() => session.close());
  return { session, finals, failures };
}

describe('services in the order of the settings', () => {
  it('the second voice speaks at once when the first answers 503, without waiting for its retries', async () => {
    const world = await wired({ TEXT_TO_SPEECH: 'elevenlabs,openai' });
    world.elevenLabs.faults.set(elevenLabsErrors.unavailable503);
    const listener = createListener(SAMPLE_RATE);
    const heard: string[] = [];
    const spoken = world.services.talking.textToSpeech.synthesize(
      { text: TEXT, voice: 'rachel', language: 'en', sampleRate: SAMPLE_RATE },
      signal,
    );
    for await (const pcm of spoken) heard.push(...listener.push(pcm).map(({ text }) => text));
    expect(heard.join(' ')).toBe(TEXT);
    expect([world.elevenLabs.faults.requests.length, world.openAi.spoken]).toEqual([1, [TEXT]]);
    expect(world.lines).toMatchObject([
      { service: 'elevenlabs:text-to-speech', error: expect.stringContaining('503'), msg: expect.stringMatching(/^openai:.* takes over/) },
    ]);
  });

  it('the voice speaks over the websocket when told to, and what it is told there opens the same breaker', async () => {
    const world = await wired({ ELEVENLABS_TRANSPORT: 'websocket' });
    const request = { text: 'hello', voice: 'rachel', language: 'en', sampleRate: SAMPLE_RATE };
    const say = () => collect(world.services.talking.textToSpeech.synthesize(request, signal));
    expect((await say()).length).toBeGreaterThan(0);
    expect(world.elevenLabs.faults.requests[0]?.path).toMatch(/rachel\/stream-input\?.*output_format=pcm_8000/);
    world.elevenLabs.faults.set(elevenLabsErrors.speechQuotaExceeded);
    await expect(say()).rejects.toMatchObject({ code: 'quota_exceeded', category: 'quota' });
    expect(world.breakers.of('elevenlabs:text-to-speech').state).toBe('open');
    await expect(say()).rejects.toMatchObject({ code: 'breaker-open' });
    expect(world.elevenLabs.faults.requests).toHaveLength(2);
  });

  it('the second language model answers at once when the first answers 503, under a breaker of its own', async () => {
    const world = await wired({ LANGUAGE_MODEL: 'openai,second' });
    world.openAi.faults.set(openAiErrors.overloaded503);
    if (!('languageModel' in world.services.ai)) throw new Error('the voice agent was not asked for');
    const { languageModel } = world.services.ai;
    const ask = async () => {
      const request = { instructions: 'Be brief.', messages: [{ role: 'user' as const, text: 'hello' }], tools: [] };
      let said = '';
      for await (const event of languageModel.respond(request, signal)) if (event.type === 'text') said += event.delta;
      return said;
    };
    expect(await ask()).not.toBe('');
    expect([world.openAi.faults.requests.length, world.second.replies.length]).toEqual([1, 1]);
    for (let i = 0; i < 3; i++) await ask();
    expect(world.breakers.of('openai:language-model').state).toBe('open');
    expect(world.breakers.of('second:language-model').state).toBe('closed');
    expect(world.services.required).toContainEqual(['openai:language-model', 'second:language-model']);
    expect(world.lines[0]).toMatchObject({ msg: expect.stringMatching(/^second:language-model takes over/) });
  });

  it('the second speech-to-text takes over a living call when the first has no credit left', async () => {
    const world = await wired({ SPEECH_TO_TEXT: 'elevenlabs,deepgram' });
    const { session, finals, failures } = await listen(world);
    const pcm = speak(TEXT, SAMPLE_RATE);
    session.send(pcm.subarray(0, 8000));
    world.elevenLabs.faults.set(elevenLabsErrors.quotaExceeded401, { path: /speech-to-text/ });
    world.elevenLabs.failSessions('quota_exceeded');
    session.send(pcm.subarray(8000));
    session.commit();
    await expect.poll(() => finals, { timeout: 15_000 }).toEqual([TEXT]);
    expect([world.deepgram.sessions, failures]).toEqual([1, []]);
    expect(world.breakers.of('elevenlabs:speech-to-text').state).toBe('open');
    expect(world.lines.map(({ msg }) => msg)).toEqual([
      expect.stringContaining('lost in the middle of a call'),
      expect.stringMatching(/listens again after \d+ ms/),
    ]);
    expect(world.lines.at(-1)).toMatchObject({ event: 'reconnected', breakerState: 'open', service: 'elevenlabs:speech-to-text' });
  });

  it('the third speech-to-text takes over when the first is lost for good and the second refuses', async () => {
    const world = await wired({ SPEECH_TO_TEXT: 'elevenlabs,deepgram,openai' });
    const { session, finals, failures } = await listen(world);
    world.elevenLabs.faults.set(elevenLabsErrors.quotaExceeded401, { path: /speech-to-text/ });
    world.deepgram.faults.set(deepgramErrors.paymentRequired402);
    world.elevenLabs.failSessions('quota_exceeded');
    session.send(speak('yes please', SAMPLE_RATE));
    session.commit();
    await expect.poll(() => finals, { timeout: 15_000 }).toEqual(['yes please']);
    expect([world.openAi.realtime.count, failures]).toEqual([1, []]);
    expect(world.services.required).toContainEqual(['elevenlabs:speech-to-text', 'deepgram:speech-to-text', 'openai:speech-to-text']);
    world.openAi.realtime.fail({ type: 'insufficient_quota', code: 'insufficient_quota', message: 'No money is left.' });
    await expect.poll(() => failures, { timeout: 15_000 }).toMatchObject([{ service: expect.stringMatching(/speech-to-text$/) }]);
    // One account: who may not listen may not think either.
    expect(['openai:speech-to-text', 'openai:language-model'].map((name) => world.breakers.of(name).state)).toEqual(['open', 'open']);
  });

  it('a speech-to-text that understands nobody is replaced by the second one, and its breaker is told', async () => {
    const world = await wired({ SPEECH_TO_TEXT: 'elevenlabs,deepgram' });
    const { session, finals, failures } = await listen(world);
    session.send(speak(TEXT, SAMPLE_RATE));
    session.distrust?.();
    await expect.poll(() => world.deepgram.sessions, { timeout: 15_000 }).toBe(1);
    session.commit();
    await expect.poll(() => finals, { timeout: 15_000 }).toEqual([TEXT]);
    expect(failures).toEqual([]);
    expect(world.lines[0]).toMatchObject({
      service: 'elevenlabs:speech-to-text',
      msg: expect.stringContaining('lost in the middle of a call'),
    });
  });

  it('nobody may be rung only when none of the alternatives may be asked', async () => {
    const world = await wired({ SPEECH_TO_TEXT: 'elevenlabs,deepgram' });
    const { breakers, policy, services } = world;
    const fences = createCallFences({
      breakers,
      required: services.required,
      trunk: { policy },
      trunks: { offlineSince: () => undefined },
      heldBackWaitMs: 1_000,
    });
    const refusing = () => fences.refusing({ dialString: 'PJSIP/{e164}@carrier' } as Parameters<typeof fences.refusing>[0])?.service;
    await breakers.open('elevenlabs:speech-to-text', 'tried');
    expect(refusing()).toBeUndefined();
    await breakers.open('deepgram:speech-to-text', 'tried');
    expect(refusing()).toBe('elevenlabs:speech-to-text');
  });
});

describe('a speech-to-text that is lost in the middle of a call', () => {
  it('counts in its breaker, loss and reconnections, and is left alone once that is open', async () => {
    const world = await wired({ SPEECH_TO_TEXT: 'deepgram' });
    const { failures } = await listen(world);
    world.deepgram.faults.set(deepgramErrors.unavailable503);
    world.deepgram.dropSessions();
    await expect.poll(() => failures, { timeout: 15_000 }).toMatchObject([{ code: 'breaker-open' }]);
    expect(world.breakers.of('deepgram:speech-to-text').state).toBe('open');
    // The first session and two refusals: with the loss, three of four failed.
    expect(world.deepgram.faults.requests).toHaveLength(3);
  });
});

describe('a voice agent instead of the three', () => {
  async function talk({ services }: Awaited<ReturnType<typeof wired>>) {
    if (!('voiceAgent' in services.ai)) throw new Error('the voice agent was asked for');
    const failures: ServiceError[] = [];
    const session = await services.ai.voiceAgent.open({
      ...{ sampleRate: SAMPLE_RATE, language: 'en', voice: 'rachel', signal },
      brief: () => ({ instructions: 'Be kind.', tools: [] }),
      history: () => [],
      onEvent() {},
      onError: (error) => failures.push(error),
    });
    closers.push(() => session.close());
    return failures;
  }

  it('counts in a breaker of its own when it is lost in the middle of a call, and is left alone once that is open', async () => {
    const world = await wired({ AI: 'deepgram-agent' });
    const failures = await talk(world);
    world.deepgram.faults.set(deepgramErrors.unavailable503);
    world.deepgram.dropSessions();
    await expect.poll(() => failures, { timeout: 15_000 }).toMatchObject([{ code: 'breaker-open' }]);
    expect(world.breakers.of('deepgram:voice-agent').state).toBe('open');
    expect(world.deepgram.faults.requests).toHaveLength(3);
  });

  it('nobody may be rung while it may not be asked, nor while nobody can speak the opening line', async () => {
    const { breakers, policy, services } = await wired({ AI: 'deepgram-agent' });
    const trunks = { offlineSince: () => undefined };
    const fences = createCallFences({ breakers, required: services.required, trunk: { policy }, trunks, heldBackWaitMs: 1_000 });
    const refusing = () => fences.refusing({ dialString: 'PJSIP/{e164}@carrier' } as Parameters<typeof fences.refusing>[0])?.service;
    await breakers.open('openai:language-model', 'tried');
    await breakers.open('elevenlabs:speech-to-text', 'tried');
    expect(refusing()).toBeUndefined();
    await breakers.open('deepgram:voice-agent', 'tried');
    expect(refusing()).toBe('deepgram:voice-agent');
    await breakers.open('elevenlabs:text-to-speech', 'tried');
    expect(refusing()).toBe('elevenlabs:text-to-speech');
  });
});
