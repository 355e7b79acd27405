import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadElevenLabsSdk } from '../../src/services/elevenlabs-client.ts';
import { createElevenLabsTextToSpeech } from '../../src/services/elevenlabs-text-to-speech.ts';
import { endAfter, json, type ScriptedServer, stallAfter, startScriptedServer } from './scripted-server.ts';
import { collect, failureOf } from './settled.ts';

const API_KEY = 'el-key-0123456789abcdef';
const SAY = { text: 'Good morning.', voice: 'rachel', language: 'en-US', sampleRate: 8000 };

describe('ElevenLabs text-to-speech', () => {
  let server: ScriptedServer;
  // On a busy machine it takes its time.
  beforeAll(async () => void (await loadElevenLabsSdk()), 120_000);
  beforeEach(async () => {
    server = await startScriptedServer();
  });
  afterEach(() => server.close());

  const create = (stallMs = 5_000) => createElevenLabsTextToSpeech({ apiKey: API_KEY, baseUrl: server.url, deadlineMs: 5_000, stallMs });
  const speak = (request = SAY, signal = new AbortController().signal) => create().synthesize(request, signal);
  const speakImpatiently = () => create(150).synthesize(SAY, new AbortController().signal);

  it('asks for PCM at the rate of the line, with the fast model, and streams it', async () => {
    server.answer = endAfter(Buffer.from([1, 2, 3, 4]), 'audio/mpeg');
    expect(Buffer.concat(await collect(speak()))).toEqual(Buffer.from([1, 2, 3, 4]));
    const [request] = server.requests;
    expect(request?.url).toBe('/v1/text-to-speech/rachel/stream?output_format=pcm_8000');
    expect(request?.headers['xi-api-key']).toBe(API_KEY);
    expect(JSON.parse(request?.body ?? '')).toEqual({ text: 'Good morning.', model_id: 'eleven_flash_v2_5', language_code: 'en' });
  });

  it('never cuts a sample in two, wherever the network cuts', async () => {
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'audio/mpeg' });
      response.write(Buffer.from([1, 2, 3]));
      setTimeout(() => response.end(Buffer.from([4, 5, 6])), 20);
    };
    const chunks = await collect(speak());
    expect(chunks.every((chunk) => chunk.length % 2 === 0)).toBe(true);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([1, 2, 3, 4, 5, 6]));
  });

  it('says nothing for an empty text without asking anybody', async () => {
    expect(await collect(speak({ ...SAY, text: '  ' }))).toEqual([]);
    expect(server.requests).toHaveLength(0);
  });

  it.each([
    {
      name: 'an exhausted quota, which comes as 401',
      status: 401,
      body: { detail: { status: 'quota_exceeded', message: 'This request exceeds your quota of 10000.' } },
      code: 'quota_exceeded',
      category: 'quota',
    },
    {
      name: 'an exhausted quota, which comes as 402',
      status: 402,
      body: { detail: { type: 'payment_required', code: 'insufficient_credits', message: 'no credits' } },
      code: 'insufficient_credits',
      category: 'quota',
    },
    {
      name: 'a bad key, which also comes as 401',
      status: 401,
      body: { detail: { type: 'authentication_error', code: 'unauthorized', status: 'invalid_api_key', message: `bad key ${API_KEY}` } },
      code: 'unauthorized',
      category: 'auth',
    },
    {
      name: 'too many at once',
      status: 429,
      body: { detail: { code: 'concurrent_limit_exceeded' } },
      code: 'concurrent_limit_exceeded',
      category: 'rate-limited',
    },
    { name: 'an overloaded service', status: 429, body: { detail: { status: 'system_busy' } }, code: 'system_busy', category: 'transient' },
    {
      name: 'an unknown voice',
      status: 404,
      body: { detail: { code: 'voice_not_found' } },
      code: 'voice_not_found',
      category: 'permanent',
    },
    {
      name: 'a request it does not understand',
      status: 422,
      body: { detail: [{ loc: ['body', 'text'], msg: 'field required', type: 'missing' }] },
      code: 'invalid_request',
      category: 'permanent',
    },
    ...[
      { status: 403, said: 'quota_exceeded', category: 'quota' },
      { status: 429, said: 'quota_exceeded', category: 'quota' },
      { status: 403, said: 'only_for_creator+', category: 'permanent' },
      { status: 403, said: 'missing_permissions', category: 'auth' },
      { status: 403, said: 'voice_access_denied', category: 'permanent' },
      { status: 400, said: 'text_too_long', category: 'permanent' },
      { status: 405, said: undefined, category: 'permanent' },
      { status: 413, said: undefined, category: 'permanent' },
      { status: 415, said: undefined, category: 'permanent' },
      { status: 409, said: 'concurrent_modification', category: 'transient' },
      { status: 425, said: undefined, category: 'transient' },
      { status: 429, said: 'rate_limit_exceeded', category: 'rate-limited' },
      { status: 500, said: 'internal_error', category: 'transient' },
      { status: 503, said: 'maintenance', category: 'transient' },
      { status: 529, said: undefined, category: 'transient' },
    ].map(({ status, said, category }) => {
      const code = said ?? `http-${status}`;
      return { name: `${status} ${said ?? ''}`, status, body: { detail: { code: said } }, code, category };
    }),
  ])('tells $name', async ({ status, body, code, category }) => {
    server.answer = json(status, body);
    const failure = await failureOf(collect(speak()));
    expect(failure).toMatchObject({ service: 'elevenlabs:text-to-speech', code, category, status });
    expect(server.requests).toHaveLength(1);
    expect(JSON.stringify([failure.message, String(failure.cause), failure.stack])).not.toContain(API_KEY);
  });

  it('fails when silence follows the first audio, and hangs up on the service', async () => {
    server.answer = stallAfter(Buffer.alloc(320), 'audio/mpeg');
    const failure = await failureOf(collect(speakImpatiently()));
    expect(failure).toMatchObject({ code: 'stream-stalled', category: 'transient' });
    await server.abandoned;
  });

  it('does not mistake a slow listener for a slow service', async () => {
    server.answer = endAfter(Buffer.alloc(64_000), 'audio/mpeg');
    let bytes = 0;
    for await (const chunk of speakImpatiently()) {
      if (bytes === 0) await new Promise((done) => setTimeout(done, 600));
      bytes += chunk.length;
    }
    expect(bytes).toBe(64_000);
  });

  it('takes a page for a broken answer, not for sound', async () => {
    server.answer = endAfter('<html>welcome</html>', 'text/html');
    expect(await failureOf(collect(speak()))).toMatchObject({ code: 'no-audio', category: 'transient' });
  });

  it('takes a reply without a sound for a failure', async () => {
    server.answer = endAfter('', 'audio/mpeg');
    expect(await failureOf(collect(speak()))).toMatchObject({ code: 'no-audio', category: 'transient' });
  });

  it('takes a stream that ends within a sample for cut off', async () => {
    server.answer = endAfter(Buffer.alloc(321), 'audio/mpeg');
    expect(await failureOf(collect(speak()))).toMatchObject({ code: 'stream-ended-early', category: 'transient' });
  });

  it('hangs up on the service when the listener has heard enough', async () => {
    server.answer = stallAfter(Buffer.alloc(320), 'audio/mpeg');
    for await (const _ of speak()) break;
    await server.abandoned;
  });

  it('may speak for longer than its first sound may take', async () => {
    const deadlineMs = 1_500;
    server.answer = (response) => {
      response.writeHead(200, { 'content-type': 'audio/mpeg' });
      response.write(Buffer.alloc(320));
      let sent = 1;
      const timer = setInterval(() => {
        response.write(Buffer.alloc(320));
        if (++sent < 8) return;
        clearInterval(timer);
        response.end();
      }, deadlineMs / 5);
      response.on('close', () => clearInterval(timer));
    };
    const patient = createElevenLabsTextToSpeech({ apiKey: API_KEY, baseUrl: server.url, deadlineMs, stallMs: 5_000 });
    expect(Buffer.concat(await collect(patient.synthesize(SAY, new AbortController().signal)))).toHaveLength(8 * 320);
  });

  it('hangs up on the service when the call ends, even while nobody takes the audio', async () => {
    server.answer = stallAfter(Buffer.alloc(320), 'audio/mpeg');
    const call = new AbortController();
    const spoken = speak(SAY, call.signal)[Symbol.asyncIterator]();
    await spoken.next();
    call.abort(new Error('the callee hung up'));
    await server.abandoned;
    await spoken.return?.();
  });

  it('stops at once when the call ends, with the reason of the call', async () => {
    server.answer = stallAfter(Buffer.alloc(320), 'audio/mpeg');
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    const spoken = (async () => {
      for await (const _ of speak(SAY, call.signal)) call.abort(reason);
    })();
    await expect(spoken).rejects.toBe(reason);
    await server.abandoned;
  });

  it('is healthy when the key is good, even one that may not list models', async () => {
    const tts = create();
    const { signal } = new AbortController();
    server.answer = json(200, []);
    await tts.probe(signal);
    expect(server.requests[0]?.url).toBe('/v1/models');
    server.answer = json(401, { detail: { status: 'missing_permissions', message: 'The API key is missing the permission models_read' } });
    await tts.probe(signal);
    server.answer = json(401, { detail: { status: 'invalid_api_key' } });
    expect(await failureOf(tts.probe(signal))).toMatchObject({ category: 'auth' });
  });
});
