import { afterEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { openAiErrors } from '../../src/sandbox/openai/openai-errors.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import { createOpenAiSpeechToText, type OpenAiSpeechToTextOptions } from '../../src/services/openai-speech-to-text.ts';
import { createReconnectingSpeechToText } from '../../src/services/reconnecting-speech-to-text.ts';
import type { SpeechToText } from '../../src/services/speech-to-text.ts';
import { listenTo, type NotedOptions } from './noted-session.ts';
import { hang, startScriptedServer } from './scripted-server.ts';
import { type SocketScript, say, startScriptedSocket } from './scripted-socket.ts';
import { failureOf } from './settled.ts';

const API_KEY = 'sk-0123456789abcdef';
const TEXT = 'good morning I would like to move my appointment';
const TRANSCRIPTION = 'conversation.item.input_audio_transcription';
const { signal } = new AbortController();

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openAi(models?: string[]) {
  const sandbox = await startOpenAiSandbox({ apiKey: API_KEY, models });
  closers.push(sandbox.close);
  const create = (more: Partial<OpenAiSpeechToTextOptions> = {}) =>
    createOpenAiSpeechToText({ apiKey: API_KEY, baseUrl: sandbox.baseUrl, deadlineMs: 10_000, stallMs: 10_000, ...more });
  return { sandbox, create };
}

/** A service that takes the settings, and then does what the test wants. */
async function scripted(script: SocketScript, more: Partial<OpenAiSpeechToTextOptions> = {}) {
  const server = await startScriptedSocket({
    onConnection: (socket) => say(socket, { type: 'session.created' }),
    ...script,
    onMessage(message, socket) {
      if (message.type === 'session.update' && script.onConnection === undefined) say(socket, { type: 'session.updated' });
      script.onMessage?.(message, socket);
    },
  });
  closers.push(server.close);
  const options = { apiKey: API_KEY, baseUrl: `${server.url}/v1`, deadlineMs: 10_000, stallMs: 10_000, ...more };
  return { server, speechToText: createOpenAiSpeechToText(options) };
}

const listen = (speechToText: SpeechToText, options: Omit<NotedOptions, 'closers'> = {}) => listenTo(speechToText, { ...options, closers });

describe('OpenAI speech-to-text', () => {
  it.each([8000, 16_000, 24_000])('hears what is spoken at %i Hz, word for word, one final transcript a commit', async (sampleRate) => {
    const { create } = await openAi();
    const { session, send, interims, finals, failures } = await listen(create(), { sampleRate });
    send(speak(TEXT, sampleRate));
    session.commit();
    await expect.poll(() => finals).toEqual([TEXT]);
    send(speak('Goodbye!', sampleRate));
    session.commit();
    await expect.poll(() => finals).toEqual([TEXT, 'Goodbye!']);
    expect(interims).toEqual(expect.arrayContaining(['good morning', 'good morning I would like to move', 'Goodbye!']));
    expect(failures).toEqual([]);
  });

  it('is asked so that our own detector decides when the callee has paused, in the language of the call', async () => {
    const { sandbox, create } = await openAi();
    await listen(create(), { language: 'de-AT' });
    await listen(create({ model: 'gpt-realtime-whisper' }));
    expect(sandbox.faults.requests.map(({ path }) => path)).toEqual(Array(2).fill('/v1/realtime?intent=transcription'));
    const input = { format: { type: 'audio/pcm', rate: 24_000 }, turn_detection: null };
    expect(sandbox.realtime.configs.map(({ audio }) => audio.input)).toEqual([
      { ...input, transcription: { model: 'gpt-live-transcribe', languages: ['de'] } },
      { ...input, transcription: { model: 'gpt-realtime-whisper', language: 'en' } },
    ]);
  });

  it('tells that nothing was said when a commit holds no words, and asks nothing when it holds no sound', async () => {
    const { create } = await openAi();
    const { session, send, finals, failures } = await listen(create());
    session.commit();
    expect(finals).toEqual([]);
    await expect.poll(() => finals).toEqual(['']);
    send(Buffer.alloc(8000));
    session.commit();
    await expect.poll(() => finals).toEqual(['', '']);
    expect(failures).toEqual([]);
  });

  it('keeps the service’s buffer short while nobody speaks, and tells nobody of it', async () => {
    const { sandbox, create } = await openAi();
    const { session, finals, interims } = await listen(create({ stallMs: 3_000 }));
    for (let second = 0; second < 31; second++) session.send(Buffer.alloc(16_000));
    await expect.poll(() => sandbox.realtime.commits, { timeout: 10_000 }).toBe(1);
    session.send(speak('yes', 8000));
    session.commit();
    await expect.poll(() => finals, { timeout: 10_000 }).toEqual(['yes']);
    expect(interims).toEqual(['yes']);
  });

  it('tells utterances in the order in which they were said, however the service finishes them', async () => {
    let sockets: WebSocket[] = [];
    let commits = 0;
    const { speechToText } = await scripted({
      onMessage({ type }, socket) {
        sockets = [socket];
        if (type === 'input_audio_buffer.commit') say(socket, { type: 'input_audio_buffer.committed', item_id: `item${++commits}` });
      },
    });
    const { session, interims, finals } = await listen(speechToText);
    for (let i = 0; i < 3; i++) {
      session.send(Buffer.alloc(4_000));
      session.commit();
    }
    await expect.poll(() => commits).toBe(3);
    const finish = (item_id: string, transcript: string) => {
      for (const socket of sockets) say(socket, { type: `${TRANSCRIPTION}.completed`, item_id, transcript });
    };
    for (const socket of sockets) {
      say(socket, { type: `${TRANSCRIPTION}.delta`, item_id: 'item1', delta: 'Yes, ' });
      say(socket, { type: `${TRANSCRIPTION}.delta`, item_id: 'item2', delta: 'on Mon' });
      say(socket, { type: `${TRANSCRIPTION}.delta`, item_id: 'item2', delta: 'day.' });
    }
    finish('item2', 'On Monday.');
    finish('item1', 'Yes.');
    for (const socket of sockets) {
      say(socket, {
        type: `${TRANSCRIPTION}.failed`,
        item_id: 'item3',
        error: { type: 'transcription_error', code: 'audio_unintelligible' },
      });
    }
    await expect.poll(() => finals).toEqual(['Yes.', 'On Monday.', '']);
    expect(interims).toEqual(['Yes,', 'Yes, on Mon', 'Yes, on Monday.']);
  });

  it.each([
    ['invalidApiKey401', 'auth', 'invalid_api_key'],
    ['unsupportedCountry403', 'auth', 'unsupported_country_region_territory'],
    ['modelNotFound404', 'permanent', 'model_not_found'],
    ['insufficientQuota429', 'quota', 'insufficient_quota'],
    ['projectSpendLimit429', 'quota', 'project_spend_limit_exceeded'],
    ['rateLimit429', 'rate-limited', 'rate_limit_exceeded'],
    ['slowDown429', 'rate-limited', 'slow_down'],
    ['serverError500', 'transient', 'server_error'],
    ['overloaded503', 'transient', 'server_is_overloaded'],
    ['html502', 'transient', 'http-502'],
  ])('tells a handshake that is refused with %s', async (preset, category, code) => {
    const { sandbox, create } = await openAi();
    const fault = openAiErrors[preset as keyof typeof openAiErrors];
    sandbox.faults.set(fault);
    const failure = await failureOf(listen(create()));
    expect(failure).toMatchObject({ service: 'openai:speech-to-text', category, code, status: 'status' in fault ? fault.status : 0 });
    expect(failure.message).not.toContain(API_KEY);
  });

  it.each([
    ['invalid_request_error', 'invalid_api_key', 'auth', 'invalid_api_key'],
    ['insufficient_quota', 'insufficient_quota', 'quota', 'insufficient_quota'],
    ['insufficient_quota', null, 'quota', 'insufficient_quota'],
    ['tokens', 'rate_limit_exceeded', 'rate-limited', 'rate_limit_exceeded'],
    ['server_error', null, 'transient', 'server_error'],
    ['invalid_request_error', 'session_expired', 'permanent', 'session_time_limit_exceeded'],
    ['invalid_request_error', 'unknown_parameter', 'permanent', 'invalid_request_error'],
    ['error_of_the_future', null, 'transient', 'service-error'],
  ])('tells the error message %s / %s in the middle of a call, once and without the key', async (type, code, category, told) => {
    const { sandbox, create } = await openAi();
    const { session, failures } = await listen(create());
    sandbox.realtime.fail({ type, code, message: `no: ${API_KEY}` });
    await expect.poll(() => failures).toMatchObject([{ service: 'openai:speech-to-text', category, code: told }]);
    session.send(Buffer.alloc(320));
    session.commit();
    await expect.poll(() => sandbox.realtime.count).toBe(0);
    expect(failures).toHaveLength(1);
    expect(JSON.stringify([failures[0]?.message, failures[0]?.stack, String(failures[0]?.cause)])).not.toContain(API_KEY);
  });

  it('tells the same when the transcription of one utterance failed', async () => {
    const error = { type: 'insufficient_quota', code: 'insufficient_quota', message: 'You exceeded your current quota.' };
    const { speechToText } = await scripted({
      onMessage: ({ type }, socket) => {
        if (type === 'input_audio_buffer.commit') say(socket, { type: `${TRANSCRIPTION}.failed`, item_id: 'item1', error });
      },
    });
    const { session, finals, failures } = await listen(speechToText);
    session.send(Buffer.alloc(8_000));
    session.commit();
    await expect.poll(() => failures).toMatchObject([{ category: 'quota', code: 'insufficient_quota' }]);
    expect(finals).toEqual([]);
  });

  it.each([
    [1011, '', 'transient', 'connection-closed'],
    [1001, 'Your session hit the maximum duration of 60 minutes.', 'transient', 'connection-closed'],
    [3000, 'invalid_request_error.invalid_api_key', 'auth', 'invalid_api_key'],
    [1007, '', 'permanent', 'ws-1007'],
    [1008, 'policy', 'transient', 'ws-1008'],
    [undefined, '', 'transient', 'connection-closed'],
  ])('tells when the service closes with %s %s', async (closeCode, reason, category, code) => {
    const { sandbox, create } = await openAi();
    const { failures } = await listen(create());
    if (closeCode === undefined) sandbox.realtime.drop();
    else sandbox.realtime.close(closeCode, reason);
    await expect.poll(() => failures).toMatchObject([{ category, code }]);
  });

  it('tells a bad key that the handshake let in, and a model that does not exist', async () => {
    const error = { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' };
    const { speechToText } = await scripted({ onConnection: (socket) => say(socket, { type: 'error', error }) });
    expect(await failureOf(listen(speechToText))).toMatchObject({ category: 'auth', code: 'invalid_api_key' });
    const { create } = await openAi(['gpt-live-transcribe']);
    const failure = await failureOf(listen(create({ model: 'gpt-nothing' })));
    expect(failure).toMatchObject({ category: 'permanent', code: 'model_not_found' });
    expect(failure.message).toContain('OPENAI_LISTENING_MODEL');
  });

  it('gives up a service that says nothing after the handshake, and a handshake that is never answered', async () => {
    const { server, speechToText } = await scripted({ onConnection() {} }, { deadlineMs: 150 });
    expect(await failureOf(listen(speechToText))).toMatchObject({ code: 'no-answer', category: 'transient' });
    await server.closed;
    const dead = await startScriptedServer(hang);
    closers.push(() => dead.close());
    const opening = listen(createOpenAiSpeechToText({ apiKey: API_KEY, baseUrl: `${dead.url}/v1`, deadlineMs: 150 }));
    expect(await failureOf(opening)).toMatchObject({ code: 'no-answer', category: 'transient' });
    await dead.abandoned;
  });

  it('notices a commit that is never answered, and a connection that is dead', async () => {
    const { sandbox, create } = await openAi();
    const { session, send, failures } = await listen(create({ stallMs: 400 }));
    sandbox.realtime.deafen();
    send(Buffer.alloc(8_000));
    session.commit();
    await expect.poll(() => failures).toMatchObject([{ code: 'no-final-transcript', category: 'transient' }]);
    const { speechToText } = await scripted({ alive: false }, { stallMs: 400 });
    const dead = await listen(speechToText);
    await expect.poll(() => dead.failures).toMatchObject([{ code: 'stream-stalled', category: 'transient' }]);
  });

  it('ends at once and silently when the call ends, and breaks off a handshake with the reason of the call', async () => {
    const { sandbox, create } = await openAi();
    const { session, call, failures } = await listen(create());
    session.commit();
    call.abort(new Error('the callee hung up'));
    await expect.poll(() => sandbox.realtime.count).toBe(0);
    expect(failures).toEqual([]);
    sandbox.faults.set({ kind: 'hang' });
    const nothing = () => {};
    const words = { onInterim: nothing, onFinal: nothing, onError: nothing };
    const opening = create().open({ sampleRate: 8000, language: 'en', ...words, signal: AbortSignal.timeout(100) });
    await expect(opening).rejects.toThrow('timeout');
  });

  it('loses no word across a drop, a server’s fault and a session that was as long as one may be', async () => {
    const { sandbox, create } = await openAi();
    const { session, send, finals, failures } = await listen(
      createReconnectingSpeechToText(create(), { patienceMs: 60_000, initialDelayMs: 20, replaySpeed: 20 }),
    );
    const ends = [
      sandbox.realtime.drop,
      () => sandbox.realtime.fail({ type: 'server_error', code: null, message: 'The server had an error.' }),
      () => sandbox.realtime.fail({ type: 'invalid_request_error', code: 'session_expired', message: 'Sixty minutes are over.' }),
    ];
    const pcm = speak(TEXT, 8000);
    const half = Math.round(pcm.length / 4) * 2;
    for (const [i, end] of ends.entries()) {
      send(pcm.subarray(0, half));
      end();
      send(pcm.subarray(half));
      session.commit();
      await expect.poll(() => finals, { timeout: 15_000 }).toHaveLength(i + 1);
    }
    expect(finals).toEqual([TEXT, TEXT, TEXT]);
    expect(failures).toEqual([]);
  });

  it('is healthy when the key is good and the model is there; a trial also needs credit', async () => {
    const { sandbox, create } = await openAi(['gpt-live-transcribe']);
    await create().probe(signal);
    await create().trial?.(signal);
    expect(sandbox.realtime.configs).toHaveLength(1);
    expect(await failureOf(create({ apiKey: 'wrong' }).probe(signal))).toMatchObject({ category: 'auth' });
    expect(await failureOf(create({ model: 'gpt-nothing' }).probe(signal))).toMatchObject({ category: 'permanent', status: 404 });
    const error = { type: 'insufficient_quota', code: 'insufficient_quota' };
    const { speechToText } = await scripted({
      onMessage: ({ type }, socket) => {
        if (type === 'input_audio_buffer.commit') say(socket, { type: `${TRANSCRIPTION}.failed`, item_id: 'item1', error });
      },
    });
    expect(await failureOf(speechToText.trial?.(signal) ?? Promise.resolve())).toMatchObject({ category: 'quota' });
  });
});
