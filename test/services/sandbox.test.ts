import { afterEach, describe, expect, it } from 'vitest';
import { startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { createElevenLabsSpeechToText } from '../../src/services/elevenlabs-speech-to-text.ts';
import { createElevenLabsTextToSpeech } from '../../src/services/elevenlabs-text-to-speech.ts';
import { createOpenAiLanguageModel } from '../../src/services/openai-language-model.ts';
import { collect, failureOf } from './settled.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const API_KEY = 'sandbox-key';
const { signal } = new AbortController();

async function elevenLabs() {
  const sandbox = await startElevenLabsSandbox({ apiKey: API_KEY });
  closers.push(sandbox.close);
  const options = { apiKey: API_KEY, baseUrl: sandbox.url, deadlineMs: 10_000, stallMs: 10_000 };
  return { sandbox, textToSpeech: createElevenLabsTextToSpeech(options), speechToText: createElevenLabsSpeechToText(options) };
}

describe('against the ElevenLabs sandbox', () => {
  it.each([8000, 16_000])('what is spoken at %i Hz is heard, word for word', async (sampleRate) => {
    const { textToSpeech, speechToText } = await elevenLabs();
    const spoken = textToSpeech.synthesize({ text: 'good morning this is a test', voice: 'rachel', language: 'en', sampleRate }, signal);
    const heard = Promise.withResolvers<string>();
    const interim: string[] = [];
    const session = await speechToText.open({
      sampleRate,
      language: 'en',
      onInterim: (text) => interim.push(text),
      onFinal: heard.resolve,
      onError: heard.reject,
      signal,
    });
    closers.push(() => session.close());
    for await (const pcm of spoken) session.send(pcm);
    session.send(Buffer.alloc(sampleRate));
    session.commit();
    expect(await heard.promise).toBe('good morning this is a test');
    expect(interim.length).toBeGreaterThan(1);
  });

  it('both are healthy, and neither is with a wrong key', async () => {
    const { sandbox, textToSpeech, speechToText } = await elevenLabs();
    await textToSpeech.probe(signal);
    await speechToText.probe(signal);
    const stranger = createElevenLabsTextToSpeech({ apiKey: 'wrong', baseUrl: sandbox.url, deadlineMs: 10_000, stallMs: 10_000 });
    expect(await failureOf(stranger.probe(signal))).toMatchObject({ category: 'auth' });
  });

  it.each([
    ['quotaExceeded401', 'quota'],
    ['insufficientCredits402', 'quota'],
    ['invalidApiKey401', 'auth'],
    ['missingPermission401', 'auth'],
    ['concurrentLimit429', 'rate-limited'],
    ['rateLimit429', 'rate-limited'],
    ['systemBusy429', 'transient'],
    ['unavailable503', 'transient'],
    ['html503', 'transient'],
    ['validation422', 'permanent'],
  ])('tells %s, when speaking and when beginning to listen', async (preset, category) => {
    const { sandbox, textToSpeech, speechToText } = await elevenLabs();
    const { elevenLabsErrors } = await import('../../src/sandbox/elevenlabs/elevenlabs-errors.ts');
    sandbox.faults.set(elevenLabsErrors[preset as keyof typeof elevenLabsErrors]);
    const speaking = collect(textToSpeech.synthesize({ text: 'hello', voice: 'rachel', language: 'en', sampleRate: 8000 }, signal));
    expect(await failureOf(speaking)).toMatchObject({ service: 'elevenlabs:text-to-speech', category });
    const nothing = () => {};
    const listening = speechToText.open({
      sampleRate: 8000,
      language: 'en',
      onInterim: nothing,
      onFinal: nothing,
      onError: nothing,
      signal,
    });
    expect(await failureOf(listening)).toMatchObject({ service: 'elevenlabs:speech-to-text', category });
  });
});

describe('against the OpenAI sandbox', () => {
  async function openAi() {
    const sandbox = await startOpenAiSandbox({ apiKey: API_KEY, brain: () => ({ text: 'Good morning, Ada.' }) });
    closers.push(sandbox.close);
    const model = createOpenAiLanguageModel({
      apiKey: API_KEY,
      baseUrl: sandbox.baseUrl,
      model: 'gpt-5.4-mini',
      deadlineMs: 10_000,
      stallMs: 10_000,
    });
    return { sandbox, model };
  }
  const ASK = { instructions: 'Greet.', messages: [{ role: 'user' as const, text: 'Hello?' }], tools: [] };

  it('a reply comes word by word and whole', async () => {
    const { model } = await openAi();
    await model.probe(signal);
    const parts = await collect(model.respond(ASK, signal));
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.map((part) => (part.type === 'text' ? part.delta : '')).join('')).toBe('Good morning, Ada.');
  });

  it.each([
    ['insufficientQuota429', 'quota'],
    ['projectSpendLimit429', 'quota'],
    ['rateLimit429', 'rate-limited'],
    ['slowDown429', 'rate-limited'],
    ['invalidApiKey401', 'auth'],
    ['unsupportedCountry403', 'auth'],
    ['modelNotFound404', 'permanent'],
    ['contextLength400', 'permanent'],
    ['overloaded503', 'transient'],
    ['html502', 'transient'],
    ['streamErrorFlat', 'transient'],
    ['streamErrorNested', 'transient'],
    ['responseFailed', 'transient'],
    ['responseIncomplete', 'permanent'],
    ['earlyQuietEnd', 'transient'],
  ])('tells %s', async (preset, category) => {
    const { sandbox, model } = await openAi();
    const { openAiErrors } = await import('../../src/sandbox/openai/openai-errors.ts');
    sandbox.faults.set(openAiErrors[preset as keyof typeof openAiErrors]);
    expect(await failureOf(collect(model.respond(ASK, signal)))).toMatchObject({ service: 'openai:language-model', category });
  });
});
