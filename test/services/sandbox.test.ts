import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Disposition } from '../../src/call/outcome.ts';
import { elevenLabsErrors } from '../../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { hubSpotErrors } from '../../src/sandbox/hubspot/hubspot-errors.ts';
import { startHubSpotSandbox } from '../../src/sandbox/hubspot/hubspot-sandbox.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import type { CrmCallRecord } from '../../src/services/crm.ts';
import { loadElevenLabsSdk } from '../../src/services/elevenlabs-client.ts';
import { createElevenLabsSpeechToText } from '../../src/services/elevenlabs-speech-to-text.ts';
import { createElevenLabsTextToSpeech } from '../../src/services/elevenlabs-text-to-speech.ts';
import { createHubSpot } from '../../src/services/hubspot.ts';
import { HUBSPOT_DISPOSITIONS } from '../../src/services/hubspot-call-record.ts';
import { createOpenAiLanguageModel } from '../../src/services/openai-language-model.ts';
import { createOpenAiSpeechToText } from '../../src/services/openai-speech-to-text.ts';
import { collect, failureOf } from './settled.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const API_KEY = 'sandbox-key';
const { signal } = new AbortController();

async function elevenLabs(transport: 'http' | 'websocket') {
  const sandbox = await startElevenLabsSandbox({ apiKey: API_KEY });
  closers.push(sandbox.close);
  const options = { apiKey: API_KEY, baseUrl: sandbox.url, deadlineMs: 10_000, stallMs: 10_000 };
  return {
    sandbox,
    textToSpeech: createElevenLabsTextToSpeech({ ...options, transport }),
    speechToText: createElevenLabsSpeechToText(options),
  };
}

describe.each(['http', 'websocket'] as const)('against the ElevenLabs sandbox, speaking over %s', (transport) => {
  // On a busy machine it takes its time.
  beforeAll(async () => void (await loadElevenLabsSdk()), 120_000);
  it.each([8000, 16_000])('what is spoken at %i Hz is heard, word for word', async (sampleRate) => {
    const { textToSpeech, speechToText } = await elevenLabs(transport);
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
    const { sandbox, textToSpeech, speechToText } = await elevenLabs(transport);
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
    const { sandbox, textToSpeech, speechToText } = await elevenLabs(transport);
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

describe('against the text-to-speech socket of the ElevenLabs sandbox', () => {
  const HELLO = { text: 'hello', voice: 'rachel', language: 'en', sampleRate: 8000 };

  it.each([
    ['speechInvalidApiKey', 'auth'],
    ['speechQuotaExceeded', 'quota'],
    ['speechVoiceUnknown', 'permanent'],
    ['speechConcurrentLimit', 'rate-limited'],
    ['speechSystemBusy', 'transient'],
    ['speechInputTimeout', 'transient'],
  ] as const)('tells %s', async (preset, category) => {
    const { sandbox, textToSpeech } = await elevenLabs('websocket');
    sandbox.faults.set(elevenLabsErrors[preset]);
    expect(await failureOf(collect(textToSpeech.synthesize(HELLO, signal)))).toMatchObject({ category });
  });

  it.each([
    [{ kind: 'reset', when: 'before-headers' }, 'ECONNRESET'],
    [{ kind: 'reset', when: 'after-headers' }, 'connection-closed'],
    [{ kind: 'reset', when: 'in-body' }, 'connection-closed'],
    [{ kind: 'truncate', afterBytes: 100 }, 'connection-closed'],
    [{ kind: 'stall', afterBytes: 100 }, 'stream-stalled'],
    [{ kind: 'hang' }, 'no-first-chunk'],
  ] as const)('tells %o', async (fault, code) => {
    const { sandbox } = await elevenLabs('websocket');
    const hasty = { deadlineMs: code === 'no-first-chunk' ? 200 : 10_000, stallMs: 200 };
    const textToSpeech = createElevenLabsTextToSpeech({ apiKey: API_KEY, baseUrl: sandbox.url, transport: 'websocket', ...hasty });
    sandbox.faults.set(fault);
    expect(await failureOf(collect(textToSpeech.synthesize(HELLO, signal)))).toMatchObject({ code, category: 'transient' });
  });

  it('a wrong key is let in and told so, as by the real one', async () => {
    const { sandbox } = await elevenLabs('websocket');
    const options = { baseUrl: sandbox.url, transport: 'websocket', deadlineMs: 10_000, stallMs: 10_000 } as const;
    const stranger = createElevenLabsTextToSpeech({ apiKey: 'wrong', ...options });
    expect(await failureOf(collect(stranger.synthesize(HELLO, signal)))).toMatchObject({ code: 'invalid_api_key', category: 'auth' });
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
    const speechToText = createOpenAiSpeechToText({ apiKey: API_KEY, baseUrl: sandbox.baseUrl, deadlineMs: 10_000 });
    return { sandbox, model, speechToText };
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
  ])('tells %s, when thinking and, of what has a status, when beginning to listen', async (preset, category) => {
    const { sandbox, model, speechToText } = await openAi();
    const { openAiErrors } = await import('../../src/sandbox/openai/openai-errors.ts');
    const fault = openAiErrors[preset as keyof typeof openAiErrors];
    sandbox.faults.set(fault);
    expect(await failureOf(collect(model.respond(ASK, signal)))).toMatchObject({ service: 'openai:language-model', category });
    if (fault.kind !== 'status') return;
    const nothing = () => {};
    const words = { onInterim: nothing, onFinal: nothing, onError: nothing };
    const listening = speechToText.open({ sampleRate: 8000, language: 'en', ...words, signal });
    expect(await failureOf(listening)).toMatchObject({ service: 'openai:speech-to-text', category });
  });
});

describe('against the HubSpot sandbox', () => {
  async function hubSpot() {
    const sandbox = await startHubSpotSandbox({
      accessToken: API_KEY,
      contacts: [
        { id: '501', properties: { firstname: 'Ada', lastname: 'Byron', phone: '+1 (202) 555-0123', mobilephone: '+12025550124' } },
      ],
    });
    closers.push(sandbox.close);
    return { sandbox, crm: createHubSpot({ accessToken: API_KEY, baseUrl: sandbox.url, deadlineMs: 10_000 }) };
  }
  const record: CrmCallRecord = {
    key: 'attempt-1',
    contactId: '501',
    from: '+12025550100',
    to: '+12025550124',
    startedAt: 1_795_000_000_000,
    durationMs: 61_500,
    disposition: 'completed',
    title: 'Call by the reminder campaign',
    body: 'Agent: Good morning.\nCallee: Hello.',
  };

  it('a contact is found by id and by phone, and nobody by a number that is nobody’s', async () => {
    const { crm } = await hubSpot();
    await crm.probe(signal);
    expect(await crm.findContact({ crmId: '501', phone: '+12025550199' }, signal)).toMatchObject({ id: '501', name: 'Ada Byron' });
    expect(await crm.findContact({ phone: '+12025550124' }, signal)).toMatchObject({ id: '501', name: 'Ada Byron' });
    expect(await crm.findContact({ phone: '+12025550199' }, signal)).toBeUndefined();
    expect(await crm.findContact({ crmId: '999', phone: '+12025550199' }, signal)).toBeUndefined();
  });

  it('a call is recorded once, however often it is told and whatever is answered', async () => {
    const { sandbox, crm } = await hubSpot();
    sandbox.faults.set(hubSpotErrors.appliedThen502, { path: /upsert/, times: 2 });
    expect(await failureOf(crm.recordCall(record, signal))).toMatchObject({ category: 'transient', status: 502 });
    expect(await failureOf(crm.recordCall(record, signal))).toMatchObject({ category: 'transient', status: 502 });
    await crm.recordCall(record, signal);
    await crm.recordCall(record, signal);
    expect(sandbox.rows).toHaveLength(1);
    expect(sandbox.rows[0]).toMatchObject({ contactIds: ['501'], properties: { hs_call_duration: '61500', hs_call_status: 'COMPLETED' } });
  });

  it.each([
    ['daily429', 'quota', undefined],
    ['tenSecondly429', 'rate-limited', 10_000],
    ['search429', 'rate-limited', 1_000],
    ['invalidToken401', 'auth', undefined],
    ['missingScopes403', 'auth', undefined],
    ['locked423', 'transient', 2_000],
    ['migration477', 'transient', 60_000],
    ['cloudflare521', 'transient', undefined],
  ])('tells %s', async (preset, category, retryAfterMs) => {
    const { sandbox, crm } = await hubSpot();
    sandbox.faults.set(hubSpotErrors[preset as keyof typeof hubSpotErrors], { path: /search/ });
    expect(await failureOf(crm.findContact({ phone: '+12025550124' }, signal))).toMatchObject({
      service: 'hubspot',
      category,
      retryAfterMs,
    });
  });

  it('two processes that record their first calls at the same time both succeed', async () => {
    const { sandbox, crm } = await hubSpot();
    const other = createHubSpot({ accessToken: API_KEY, baseUrl: sandbox.url, deadlineMs: 10_000 });
    await Promise.all([crm.recordCall(record, signal), other.recordCall({ ...record, key: 'attempt-2' }, signal)]);
    expect(sandbox.rows).toHaveLength(2);
  });

  it.each(Object.keys(HUBSPOT_DISPOSITIONS) as Disposition[])('a call that ended in %s can be recorded', async (disposition) => {
    const { sandbox, crm } = await hubSpot();
    await crm.recordCall({ ...record, disposition }, signal);
    expect(sandbox.rows[0]?.properties.hs_call_status).toBe(HUBSPOT_DISPOSITIONS[disposition].status);
  });
});
