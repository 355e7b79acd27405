import { afterEach, describe, expect, it } from 'vitest';
import type { ServiceError } from '../../src/errors.ts';
import { createElevenLabsSpeechToText } from '../../src/services/elevenlabs-speech-to-text.ts';
import { hang, htmlUnavailable, json, refusedUrl, startScriptedServer } from './scripted-server.ts';
import { type SocketScript, say, startScriptedSocket } from './scripted-socket.ts';
import { failureOf } from './settled.ts';

const API_KEY = 'el-key-0123456789abcdef';
const FRAME = Buffer.alloc(320, 7);
const started = { message_type: 'session_started', session_id: 's1', config: {} };

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Opening {
  url: string;
  deadlineMs?: number;
  stallMs?: number;
  keepAliveMs?: number;
}

/** Opens a session and notes what it tells. */
async function open({ url, deadlineMs = 5_000, stallMs = 5_000, keepAliveMs = 5_000 }: Opening) {
  const call = new AbortController();
  const interim: string[] = [];
  const finals: string[] = [];
  const final = Promise.withResolvers<string>();
  const failed = Promise.withResolvers<ServiceError>();
  const failures: ServiceError[] = [];
  const speechToText = createElevenLabsSpeechToText({ apiKey: API_KEY, baseUrl: url, deadlineMs, stallMs, keepAliveMs });
  const session = await speechToText.open({
    sampleRate: 8000,
    language: 'en-US',
    onInterim: (text) => interim.push(text),
    onFinal: (text) => {
      finals.push(text);
      final.resolve(text);
    },
    onError: (error) => {
      failures.push(error);
      failed.resolve(error);
    },
    signal: call.signal,
  });
  closers.push(() => session.close());
  return { session, call, interim, finals, final: final.promise, failures, failed: failed.promise };
}

async function serve(script?: SocketScript) {
  const server = await startScriptedSocket(script);
  closers.push(() => server.close());
  return server;
}

describe('ElevenLabs speech-to-text', () => {
  it('hears what is said and makes it final when told to', async () => {
    const server = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (message, socket) =>
        say(
          socket,
          message.commit
            ? { message_type: 'committed_transcript', text: 'good morning' }
            : { message_type: 'partial_transcript', text: 'good' },
        ),
    });
    const { session, interim, final } = await open(server);
    for (let i = 0; i < 6; i++) session.send(FRAME);
    session.commit();
    expect(await final).toBe('good morning');
    expect(interim).toContain('good');
    expect(server.requests[0]?.headers['xi-api-key']).toBe(API_KEY);
    expect(server.requests[0]?.url).toBe(
      '/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=pcm_8000&commit_strategy=manual&language_code=en',
    );
    const audio = Buffer.concat(server.received.map(({ audio_base_64 }) => Buffer.from(String(audio_base_64), 'base64')));
    expect(audio).toEqual(Buffer.alloc(6 * 320, 7));
    expect(server.received.at(-1)).toEqual({ message_type: 'input_audio_chunk', audio_base_64: '', commit: true, sample_rate: 8000 });
  });

  it('sends a long stretch of audio in pieces that the service takes', async () => {
    const server = await serve();
    const { session } = await open(server);
    session.send(Buffer.alloc(16_000 * 3));
    session.commit();
    await server.heard((message) => message.commit === true);
    const sizes = server.received.map(({ audio_base_64 }) => Buffer.from(String(audio_base_64), 'base64').length);
    expect(Math.max(...sizes)).toBe(16_000);
  });

  it('tells that nothing was said when a commit holds no words, or came too early', async () => {
    const server = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (message, socket) => message.commit && say(socket, { message_type: 'commit_throttled', error: 'too little audio' }),
    });
    const { session, final, failures } = await open(server);
    session.commit();
    expect(await final).toBe('');
    expect(failures).toEqual([]);
  });

  it.each([
    ['auth_error', 'auth'],
    ['quota_exceeded', 'quota'],
    ['unaccepted_terms', 'auth'],
    ['rate_limited', 'rate-limited'],
    ['transcriber_error', 'transient'],
    ['queue_overflow', 'transient'],
    ['resource_exhausted', 'transient'],
    ['session_time_limit_exceeded', 'transient'],
    ['invalid_request', 'permanent'],
    ['input_error', 'permanent'],
    ['chunk_size_exceeded', 'permanent'],
    ['insufficient_audio_activity', 'permanent'],
    ['error', 'transient'],
    ['an_error_of_the_future', 'transient'],
  ])('tells %s apart, before and after the start', async (type, category) => {
    const complaint = { message_type: type, error: `no: ${API_KEY}` };
    const code = ['error', 'an_error_of_the_future'].includes(type) ? 'scribe_error' : type;
    const unwilling = await serve({ onConnection: (socket) => say(socket, complaint) });
    const refusal = await failureOf(open(unwilling));
    expect(refusal).toMatchObject({ service: 'elevenlabs:speech-to-text', code, category });
    expect(`${refusal.message} ${refusal.cause}`).not.toContain(API_KEY);

    const broken = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (_message, socket) => {
        say(socket, complaint);
        socket.close(1008);
      },
    });
    const { session, failed, failures } = await open(broken);
    session.commit();
    expect(await failed).toMatchObject({ code, category });
    await broken.closed;
    session.send(FRAME);
    session.commit();
    expect(failures).toHaveLength(1);
  });

  it.each([
    [1000, 'transient'],
    [1006, 'transient'],
    [1002, 'permanent'],
    [1009, 'permanent'],
    [1008, 'transient'],
    [1011, 'transient'],
    [1013, 'transient'],
    [4321, 'transient'],
  ])('tells when the service closes the connection with %i', async (code, category) => {
    const server = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (_message, socket) => (code === 1006 ? socket.terminate() : socket.close(code, 'so long')),
    });
    const { session, failed } = await open(server);
    session.commit();
    expect(await failed).toMatchObject({ category, code: expect.stringMatching(/^(ws-\d+|connection-closed)$/) });
  });

  it.each([
    { name: 'a used-up quota', answer: json(401, { detail: { status: 'quota_exceeded' } }), expected: { category: 'quota', status: 401 } },
    { name: 'a bad key', answer: json(401, { detail: { status: 'invalid_api_key' } }), expected: { category: 'auth', status: 401 } },
    { name: 'no word of why', answer: json(403, {}), expected: { category: 'auth', status: 403 } },
    {
      name: 'a plan that does not have it',
      answer: json(403, { detail: { code: 'subscription_required' } }),
      expected: { category: 'permanent', status: 403 },
    },
    { name: 'a page with 503', answer: htmlUnavailable, expected: { category: 'transient', status: 503, retryAfterMs: 7000 } },
    {
      name: 'too many sessions',
      answer: json(429, { detail: { code: 'concurrent_limit_exceeded' } }),
      expected: { category: 'rate-limited' },
    },
  ])('tells a handshake that is refused with $name', async ({ answer, expected }) => {
    // Upgrades reach a plain server as plain requests once nobody listens for them.
    const server = await startScriptedServer(answer);
    closers.push(() => server.close());
    expect(await failureOf(open(server))).toMatchObject({ service: 'elevenlabs:speech-to-text', ...expected });
  });

  it('gives up a handshake that is never answered, and hangs up', async () => {
    const server = await startScriptedServer(hang);
    closers.push(() => server.close());
    expect(await failureOf(open({ url: server.url, deadlineMs: 150 }))).toMatchObject({ code: 'no-answer', category: 'transient' });
    await server.abandoned;
  });

  it('gives up a service that accepts and never starts the session', async () => {
    const server = await serve({ onConnection: () => {} });
    expect(await failureOf(open({ url: server.url, deadlineMs: 150 }))).toMatchObject({ code: 'no-answer', category: 'transient' });
    await server.closed;
  });

  it('tells when nobody listens at the address', async () => {
    expect(await failureOf(open({ url: await refusedUrl() }))).toMatchObject({ code: 'ECONNREFUSED', category: 'transient' });
  });

  it('survives an answer that is no JSON', async () => {
    const server = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (_message, socket) => socket.send('<html>'),
    });
    const { session, failed } = await open(server);
    session.commit();
    expect(await failed).toMatchObject({ code: 'unreadable-answer', category: 'transient' });
  });

  it('notices a connection that is open and dead', async () => {
    const server = await serve({ alive: false });
    const { failed } = await open({ url: server.url, stallMs: 200 });
    expect(await failed).toMatchObject({ code: 'stream-stalled', category: 'transient' });
    await server.closed;
  });

  it('notices a service that heard words and never makes them final', async () => {
    const server = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (_message, socket) => say(socket, { message_type: 'partial_transcript', text: 'good' }),
    });
    const { session, failed } = await open({ url: server.url, stallMs: 200 });
    for (let i = 0; i < 5; i++) session.send(FRAME);
    session.commit();
    expect(await failed).toMatchObject({ code: 'no-final-transcript', category: 'transient' });
  });

  it('forgives one commit that is not answered, not two', async () => {
    const server = await serve();
    const { session, failed, failures } = await open({ url: server.url, stallMs: 500 });
    session.commit();
    await new Promise((done) => setTimeout(done, 1_200));
    expect(failures).toEqual([]);
    session.commit();
    expect(await failed).toMatchObject({ code: 'no-final-transcript' });
  });

  it('ends at once and silently when the call ends', async () => {
    const server = await serve();
    const { session, call, failures } = await open(server);
    call.abort(new Error('the callee hung up'));
    await server.closed;
    session.send(FRAME);
    session.commit();
    expect(failures).toEqual([]);
  });

  it('breaks off the handshake when the call ends, with the reason of the call', async () => {
    const server = await startScriptedServer();
    closers.push(() => server.close());
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    server.answer = () => call.abort(reason);
    const nothing = () => {};
    const opening = createElevenLabsSpeechToText({ apiKey: API_KEY, baseUrl: server.url, deadlineMs: 5_000, stallMs: 5_000 }).open({
      sampleRate: 8000,
      language: 'en',
      onInterim: nothing,
      onFinal: nothing,
      onError: nothing,
      signal: call.signal,
    });
    await expect(opening).rejects.toBe(reason);
    await server.abandoned;
  });

  it('sends silence when there is nothing to send, so that the service keeps listening', async () => {
    const server = await serve();
    await open({ url: server.url, keepAliveMs: 50 });
    await server.heard(({ audio_base_64, commit }) => commit === false && /^A{200,}/.test(String(audio_base_64)));
  });

  it('sends the last bit of sound before the silence that keeps the service listening', async () => {
    const server = await serve();
    const { session } = await open({ url: server.url, keepAliveMs: 50 });
    session.send(FRAME);
    await server.heard(({ audio_base_64 }) => /^A{200,}/.test(String(audio_base_64)));
    const sound = server.received.filter(({ audio_base_64 }) => audio_base_64 === FRAME.toString('base64'));
    expect(server.received.slice(0, 1)).toEqual(sound);
  });

  it('lets the service forget a long silence, and tells nobody of it', async () => {
    const server = await serve({
      onConnection: (socket) => say(socket, started),
      onMessage: (message, socket) => {
        if (!message.commit) return;
        say(socket, { message_type: 'committed_transcript', text: '' });
        say(socket, { message_type: 'partial_transcript', text: 'still here' });
      },
    });
    const { session, finals, interim } = await open({ url: server.url, keepAliveMs: 50 });
    session.send(Buffer.alloc(31 * 16_000));
    await expect.poll(() => interim).toEqual(['still here']);
    expect(finals).toEqual([]);
  });

  it('says goodbye properly when it is closed', async () => {
    const server = await serve();
    const { session, failures } = await open(server);
    session.close();
    expect(await server.closed).toBe(1000);
    expect(failures).toEqual([]);
  });
});
