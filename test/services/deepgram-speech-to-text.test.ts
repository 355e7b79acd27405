import { afterEach, describe, expect, it } from 'vitest';
import { deepgramErrors } from '../../src/sandbox/deepgram/deepgram-errors.ts';
import { startDeepgramSandbox } from '../../src/sandbox/deepgram/deepgram-sandbox.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import { createDeepgramSpeechToText, type DeepgramSpeechToTextOptions } from '../../src/services/deepgram-speech-to-text.ts';
import { createReconnectingSpeechToText } from '../../src/services/reconnecting-speech-to-text.ts';
import type { SpeechToText } from '../../src/services/speech-to-text.ts';
import { listenTo, type NotedOptions } from './noted-session.ts';
import { hang, htmlUnavailable, refusedUrl, startScriptedServer } from './scripted-server.ts';
import { failureOf } from './settled.ts';

const API_KEY = 'dg-key-0123456789abcdef';
const MODELS = ['nova-3', 'flux-general-en'];
const TEXT = 'good morning I would like to move my appointment';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function deepgram(idleTimeoutMs?: number) {
  const sandbox = await startDeepgramSandbox({ apiKey: API_KEY, ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }) });
  closers.push(sandbox.close);
  const create = (more: Partial<DeepgramSpeechToTextOptions> = {}) =>
    createDeepgramSpeechToText({ apiKey: API_KEY, baseUrl: sandbox.url, deadlineMs: 10_000, stallMs: 10_000, ...more });
  return { sandbox, create };
}

const listen = (speechToText: SpeechToText, options: Omit<NotedOptions, 'closers'> = {}) => listenTo(speechToText, { ...options, closers });

describe.each(MODELS)('Deepgram %s', (model) => {
  it.each([8000, 16_000, 24_000])('hears what is spoken at %i Hz, word for word, one final transcript a commit', async (sampleRate) => {
    const { create } = await deepgram();
    const { session, send, interims, finals, failures } = await listen(create({ model }), { sampleRate });
    send(speak(TEXT, sampleRate));
    session.commit();
    await expect.poll(() => finals).toEqual([TEXT]);
    send(speak('Goodbye!', sampleRate));
    session.commit();
    await expect.poll(() => finals).toEqual([TEXT, 'Goodbye!']);
    expect(interims).toEqual(expect.arrayContaining(['good morning', 'good morning I would like to move']));
    expect(failures).toEqual([]);
  });

  it('tells that nothing was said when a commit holds no words', async () => {
    const { create } = await deepgram();
    const { session, send, finals } = await listen(create({ model, settleMs: 100 }));
    session.commit();
    await expect.poll(() => finals).toEqual(['']);
    send(Buffer.alloc(8000));
    session.commit();
    await expect.poll(() => finals).toEqual(['', '']);
  });

  it('is kept alive while nobody sends anything', async () => {
    const { sandbox, create } = await deepgram(1_500);
    const { session, send, finals, failures } = await listen(create({ model, keepAliveMs: 150 }));
    await new Promise((done) => setTimeout(done, 2_000));
    expect([sandbox.sessions, failures]).toEqual([1, []]);
    send(speak('still here', 8000));
    await new Promise((done) => setTimeout(done, 2_000));
    session.commit();
    await expect.poll(() => finals).toEqual(['still here']);
  });

  it.each([
    ['invalidAuth401', 'auth', 'INVALID_AUTH'],
    ['insufficientPermissions403', 'auth', 'INSUFFICIENT_PERMISSIONS'],
    ['paymentRequired402', 'quota', 'ASR_PAYMENT_REQUIRED'],
    ['tooManyRequests429', 'rate-limited', 'TOO_MANY_REQUESTS'],
    ['invalidParameter400', 'permanent', 'INVALID_QUERY_PARAMETER'],
    ['serverError500', 'transient', 'INTERNAL_SERVER_ERROR'],
    ['unavailable503', 'transient', 'SERVICE_UNAVAILABLE'],
    ['html502', 'transient', 'http-502'],
  ])('tells a handshake that is refused with %s', async (preset, category, code) => {
    const { sandbox, create } = await deepgram();
    const fault = deepgramErrors[preset as keyof typeof deepgramErrors];
    sandbox.faults.set(fault);
    expect(await failureOf(listen(create({ model })))).toMatchObject({
      service: 'deepgram:speech-to-text',
      category,
      code,
      status: fault.status,
    });
    expect(await failureOf(create({ model }).probe(new AbortController().signal))).toMatchObject({ category, code });
  });

  it.each([
    ['idle', 'permanent', 'session-idle'],
    ['serverFault', 'transient', 'NET-0000'],
    ['undecodable', 'permanent', 'DATA-0000'],
  ] as const)('tells when the service closes the session: %s', async (reason, category, code) => {
    const { sandbox, create } = await deepgram();
    const { session, failures } = await listen(create({ model }));
    sandbox.closeSessions(reason);
    await expect.poll(() => failures).toMatchObject([{ category, code }]);
    session.send(Buffer.alloc(320));
    session.commit();
    expect(failures).toHaveLength(1);
  });

  it.each([
    ['INTERNAL_SERVER_ERROR', 'transient', 'INTERNAL_SERVER_ERROR'],
    ['AN_ERROR_OF_THE_FUTURE', 'transient', 'service-error'],
    ['UNPARSABLE_CLIENT_MESSAGE', 'permanent', 'UNPARSABLE_CLIENT_MESSAGE'],
  ])('tells the error message %s, without the key', async (sent, category, code) => {
    const { sandbox, create } = await deepgram();
    const { failures } = await listen(create({ model }));
    sandbox.failSessions(sent, `no: ${API_KEY}`);
    await expect.poll(() => failures).toMatchObject([{ category, code }]);
    expect(JSON.stringify([failures[0]?.message, failures[0]?.stack, String(failures[0]?.cause)])).not.toContain(API_KEY);
  });

  it('notices a service that no longer listens', async () => {
    const { sandbox, create } = await deepgram();
    sandbox.faults.set({ kind: 'stall', afterBytes: 0 }, { path: /listen/ });
    const { session, send, finals, failures } = await listen(create({ model, stallMs: 300, settleMs: 100 }));
    send(speak('yes', 8000));
    session.commit();
    // It answers pings, and neither dialect promises an answer to a commit of nothing.
    await expect.poll(() => finals).toEqual(['']);
    expect(failures).toEqual([]);
  });

  it('gives up a handshake that is never answered', async () => {
    const server = await startScriptedServer(hang);
    closers.push(() => server.close());
    const opening = listen(createDeepgramSpeechToText({ apiKey: API_KEY, baseUrl: server.url, model, deadlineMs: 150 }));
    expect(await failureOf(opening)).toMatchObject({ code: 'no-answer', category: 'transient' });
    await server.abandoned;
  });

  it('ends at once and silently when the call ends, and breaks off a handshake with the reason of the call', async () => {
    const { sandbox, create } = await deepgram();
    const { session, call, failures } = await listen(create({ model }));
    session.commit();
    call.abort(new Error('the callee hung up'));
    await expect.poll(() => sandbox.sessions).toBe(0);
    expect(failures).toEqual([]);
    sandbox.faults.set({ kind: 'hang' });
    const ended = AbortSignal.timeout(100);
    const nothing = () => {};
    const opening = create({ model }).open({
      sampleRate: 8000,
      language: 'en',
      onInterim: nothing,
      onFinal: nothing,
      onError: nothing,
      signal: ended,
    });
    await expect(opening).rejects.toThrow('timeout');
  });

  it('loses no word across a drop, a server’s fault and an idle session', async () => {
    const { sandbox, create } = await deepgram();
    const { session, send, finals, failures } = await listen(createReconnectingSpeechToText(create({ model }), { patienceMs: 60_000 }));
    const ends = [sandbox.dropSessions, () => sandbox.closeSessions('serverFault'), () => sandbox.closeSessions('idle')];
    const pcm = speak(TEXT, 8000);
    const half = Math.round(pcm.length / 4) * 2;
    for (const [i, end] of ends.entries()) {
      send(pcm.subarray(0, half));
      end();
      await expect.poll(() => sandbox.faults.requests.length).toBeGreaterThan(i);
      send(pcm.subarray(half));
      session.commit();
      await expect.poll(() => finals, { timeout: 15_000 }).toHaveLength(i + 1);
    }
    expect(finals).toEqual([TEXT, TEXT, TEXT]);
    expect(failures).toEqual([]);
  });
});

describe('Deepgram', () => {
  it('is asked so that our own detector decides when the callee has paused', async () => {
    const { sandbox, create } = await deepgram();
    await listen(create());
    await listen(create({ model: 'flux-general-multi' }), { language: 'de-AT' });
    expect(sandbox.faults.requests.map(({ path }) => path)).toEqual([
      '/v1/listen?model=nova-3&language=en&channels=1&interim_results=true&punctuate=true&endpointing=false&encoding=linear16&sample_rate=8000',
      '/v2/listen?model=flux-general-multi&eot_threshold=1.0&eot_timeout_ms=30000&language_hint=de&encoding=linear16&sample_rate=8000',
    ]);
  });

  it('tells what to set when the model does not know the language', async () => {
    const { sandbox, create } = await deepgram();
    const failure = await failureOf(listen(create({ model: 'flux-general-en' }), { language: 'de' }));
    expect(failure).toMatchObject({ category: 'permanent', code: 'unsupported-language' });
    expect(failure.message).toContain('DEEPGRAM_MODEL');
    expect(sandbox.faults.requests).toEqual([]);
  });

  it('is healthy when the key is good', async () => {
    const { create } = await deepgram();
    const { signal } = new AbortController();
    await create().probe(signal);
    expect(await failureOf(create({ apiKey: 'wrong' }).probe(signal))).toMatchObject({ category: 'auth' });
    expect(await failureOf(create({ baseUrl: await refusedUrl() }).probe(signal))).toMatchObject({ code: 'ECONNREFUSED' });
    const server = await startScriptedServer(htmlUnavailable);
    closers.push(() => server.close());
    expect(await failureOf(create({ baseUrl: server.url }).probe(signal))).toMatchObject({ status: 503, retryAfterMs: 7_000 });
  });

  it('notices words that were heard and are never made final', async () => {
    const { sandbox, create } = await deepgram();
    const { session, send, interims, failures } = await listen(create({ stallMs: 400, settleMs: 100 }));
    send(Buffer.concat([speak('yes', 8000), Buffer.alloc(3_200)]));
    await expect.poll(() => interims).toEqual(['yes']);
    sandbox.deafen();
    session.commit();
    await expect.poll(() => failures).toMatchObject([{ code: 'no-final-transcript', category: 'transient' }]);
  });
});
