import { afterEach, describe, expect, it } from 'vitest';
import { openAiErrors } from '../../src/sandbox/openai/openai-errors.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { createListener } from '../../src/sandbox/voice/voice.ts';
import { createOpenAiTextToSpeech } from '../../src/services/openai-text-to-speech.ts';
import { type Answer, endAfter, resetAfter, stallAfter, startScriptedServer } from './scripted-server.ts';
import { collect, failureOf } from './settled.ts';

const API_KEY = 'sk-0123456789abcdef';
const { signal } = new AbortController();
const SAY = { text: 'Good morning, this is Anna.', voice: 'a voice of another service', language: 'en', sampleRate: 8000 };

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const create = (baseUrl: string, stallMs = 5_000, apiKey = API_KEY) =>
  createOpenAiTextToSpeech({ apiKey, baseUrl, model: 'gpt-4o-mini-tts', voice: 'alloy', deadlineMs: 5_000, stallMs });

async function openAi(models?: string[]) {
  const sandbox = await startOpenAiSandbox({ apiKey: API_KEY, ...(models && { models }) });
  closers.push(sandbox.close);
  return sandbox;
}

async function scripted(answer: Answer) {
  const server = await startScriptedServer(answer);
  closers.push(() => server.close());
  return server;
}

describe('OpenAI text-to-speech', () => {
  it.each([8000, 16_000, 24_000])('is understood word for word at %i Hz, sound by sound as it comes', async (sampleRate) => {
    const sandbox = await openAi();
    const chunks = await collect(create(sandbox.baseUrl).synthesize({ ...SAY, sampleRate }, signal));
    const listener = createListener(sampleRate);
    const heard = [...listener.push(Buffer.concat(chunks)), ...listener.flush()].map(({ text }) => text);
    expect(heard.join(' ')).toBe(SAY.text);
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks.every((chunk) => chunk.length > 0 && chunk.length % 2 === 0)).toBe(true);
  });

  it('asks for raw sound in its own voice, once, and says nothing for an empty text', async () => {
    const sandbox = await openAi();
    await collect(create(sandbox.baseUrl).synthesize(SAY, signal));
    await collect(create(sandbox.baseUrl).synthesize({ ...SAY, text: ' ' }, signal));
    const asked = sandbox.faults.requests.map(({ path, body }) => ({ path, body }));
    const body = { model: 'gpt-4o-mini-tts', voice: 'alloy', input: SAY.text, response_format: 'pcm' };
    expect(asked).toEqual([{ path: '/v1/audio/speech', body }]);
  });

  it.each([
    ['insufficientQuota429', 'quota'],
    ['rateLimit429', 'rate-limited'],
    ['invalidApiKey401', 'auth'],
    ['modelNotFound404', 'permanent'],
    ['overloaded503', 'transient'],
    ['html502', 'transient'],
  ])('tells %s, without the key', async (preset, category) => {
    const sandbox = await openAi();
    sandbox.faults.set(openAiErrors[preset as keyof typeof openAiErrors]);
    const failure = await failureOf(collect(create(sandbox.baseUrl).synthesize(SAY, signal)));
    expect(failure).toMatchObject({ service: 'openai:text-to-speech', category });
    expect(sandbox.faults.requests).toHaveLength(1);
    expect(`${failure.message} ${failure.stack} ${failure.cause}`).not.toContain(API_KEY);
  });

  it.each([
    ['silence after the first sound', stallAfter(Buffer.alloc(48_000), 'audio/pcm'), 'stream-stalled'],
    ['a page', endAfter('<html>welcome</html>', 'text/html'), 'no-audio'],
    ['nothing', endAfter('', 'audio/pcm'), 'no-audio'],
    ['half a sample', endAfter(Buffer.alloc(4_801), 'audio/pcm'), 'stream-ended-early'],
    ['a cut line', resetAfter(Buffer.alloc(4_800), 'audio/pcm'), expect.stringMatching(/UND_ERR_SOCKET|ECONNRESET/)],
  ])('tells a broken answer: %s', async (_name, answer, code) => {
    const server = await scripted(answer);
    expect(await failureOf(collect(create(`${server.url}/v1`, 150).synthesize(SAY, signal)))).toMatchObject({
      code,
      category: 'transient',
    });
  });

  it('hangs up on the service when the call ends, with the reason of the call', async () => {
    const server = await scripted(stallAfter(Buffer.alloc(48_000), 'audio/pcm'));
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    const spoken = (async () => {
      for await (const _ of create(`${server.url}/v1`).synthesize(SAY, call.signal)) call.abort(reason);
    })();
    await expect(spoken).rejects.toBe(reason);
    await server.abandoned;
  });

  it('is healthy when the key may use the model', async () => {
    const sandbox = await openAi(['gpt-4o-mini-tts']);
    await create(sandbox.baseUrl).probe(signal);
    expect(await failureOf(create(sandbox.baseUrl, 5_000, 'wrong').probe(signal))).toMatchObject({ category: 'auth' });
    const other = await openAi(['gpt-5-mini']);
    expect(await failureOf(create(other.baseUrl).probe(signal))).toMatchObject({ category: 'permanent' });
  });
});
