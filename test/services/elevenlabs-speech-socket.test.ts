import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { createElevenLabsTextToSpeech } from '../../src/services/elevenlabs-text-to-speech.ts';
import { hang, json, startScriptedServer } from './scripted-server.ts';
import { type ScriptedSocket, say, startScriptedSocket } from './scripted-socket.ts';
import { collect, failureOf } from './settled.ts';

const API_KEY = 'el-key-0123456789abcdef';
const SAY = { text: 'Good morning.', voice: 'rachel', language: 'en-US', sampleRate: 8000 };
/** Long enough never to pass where something else is what fails. Milliseconds. */
const NEVER = 15_000;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const create = (
  baseUrl: string,
  { deadlineMs = NEVER, stallMs = NEVER, model }: { deadlineMs?: number; stallMs?: number; model?: string } = {},
) => createElevenLabsTextToSpeech({ apiKey: API_KEY, baseUrl, transport: 'websocket', model, deadlineMs, stallMs });
const speak = (url: string, signal = new AbortController().signal) => create(url).synthesize(SAY, signal);
const sound = (pcm: Buffer) => ({ audio: pcm.toString('base64'), isFinal: null, alignment: null, normalizedAlignment: null });
const END = { audio: null, isFinal: true };

/** A service that does this when it has heard the whole text. */
async function serve(answer: (socket: WebSocket) => void): Promise<ScriptedSocket> {
  const service = await startScriptedSocket({
    onConnection: () => {},
    onMessage: ({ text }, socket) => {
      if (text === '') answer(socket);
    },
  });
  closers.push(service.close);
  return service;
}

describe('ElevenLabs text-to-speech over its websocket', () => {
  it('asks for PCM at the rate of the line, says the whole sentence at once, and streams what comes', async () => {
    const service = await serve((socket) => {
      say(socket, sound(Buffer.from([1, 2, 3])));
      say(socket, sound(Buffer.from([4, 5, 6])));
      say(socket, END);
    });
    const chunks = await collect(speak(service.url));
    expect(chunks.every((chunk) => chunk.length % 2 === 0)).toBe(true);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([1, 2, 3, 4, 5, 6]));
    expect(service.requests.map(({ url }) => url)).toEqual([
      '/v1/text-to-speech/rachel/stream-input?model_id=eleven_flash_v2_5&output_format=pcm_8000&auto_mode=true&language_code=en',
    ]);
    expect(service.requests[0]?.headers['xi-api-key']).toBe(API_KEY);
    expect(service.received).toEqual([{ text: ' ' }, { text: 'Good morning. ' }, { text: '' }]);
    await service.closed;
  });

  it('does not tell the language to a model that refuses to be told, nor let a voice choose the path', async () => {
    const service = await serve((socket) => [sound(Buffer.alloc(2)), END].map((message) => say(socket, message)));
    const voice = '../../v1/user?';
    await collect(create(service.url, { model: 'eleven_multilingual_v2' }).synthesize({ ...SAY, voice }, new AbortController().signal));
    expect(service.requests[0]?.url).toBe(
      '/v1/text-to-speech/..%2F..%2Fv1%2Fuser%3F/stream-input?model_id=eleven_multilingual_v2&output_format=pcm_8000&auto_mode=true',
    );
  });

  it('says nothing for an empty text without asking anybody', async () => {
    const service = await serve(() => {});
    expect(await collect(create(service.url).synthesize({ ...SAY, text: ' ' }, new AbortController().signal))).toEqual([]);
    expect(service.requests).toHaveLength(0);
  });

  it('passes over messages of a kind it does not know', async () => {
    const service = await serve((socket) => {
      for (const message of [{ news: 1 }, { audio: 42 }, { audio: '' }, { audio: null, error: null }, { isFinal: 'soon' }])
        say(socket, message);
      socket.send('[]');
      say(socket, sound(Buffer.from([1, 2])));
      say(socket, { ...sound(Buffer.from([3, 4])), isFinal: true });
    });
    expect(Buffer.concat(await collect(speak(service.url)))).toEqual(Buffer.from([1, 2, 3, 4]));
  });

  it.each([
    ['quota_exceeded', 'quota'],
    ['invalid_api_key', 'auth'],
    ['authentication_required', 'auth'],
    ['missing_permissions', 'auth'],
    ['detected_unusual_activity', 'auth'],
    ['voice_id_does_not_exist', 'permanent'],
    ['only_for_creator+', 'permanent'],
    ['invalid_input_message', 'permanent'],
    ['too_many_concurrent_requests', 'rate-limited'],
    ['concurrent_limit_exceeded', 'rate-limited'],
    ['system_busy', 'transient'],
    ['input_timeout_exceeded', 'transient'],
  ])('tells %s, which comes as a message, by its word', async (error, category) => {
    const service = await serve((socket) => {
      say(socket, { message: `It says so of ${API_KEY}.`, error, code: 1008 });
      socket.close(1008, 'and closes');
    });
    const failure = await failureOf(collect(speak(service.url)));
    expect(failure).toMatchObject({ service: 'elevenlabs:text-to-speech', code: error, category, status: undefined });
    expect(failure.message).toContain('It says so of');
    expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(API_KEY);
  });

  it.each([{ error: 'new_trouble', message: 'something' }, { error: { nested: true } }])(
    'takes a complaint that nobody knows for trouble of the service',
    async (complaint) => {
      const service = await serve((socket) => say(socket, complaint));
      expect(await failureOf(collect(speak(service.url)))).toMatchObject({ code: 'speech_error', category: 'transient' });
      await service.closed;
    },
  );

  it.each([
    { name: 'an internal error', end: (socket: WebSocket) => socket.close(1011), category: 'transient' },
    { name: 'a restart', end: (socket: WebSocket) => socket.close(1012), category: 'transient' },
    { name: 'a cut connection', end: (socket: WebSocket) => socket.terminate(), category: 'transient' },
    { name: 'a friendly goodbye before the end', end: (socket: WebSocket) => socket.close(1000), category: 'transient' },
    {
      name: 'a close that only a sentence explains, whosever fault it is',
      end: (socket: WebSocket) => socket.close(1008, 'We are sorry, something went wrong.'),
      category: 'transient',
    },
    { name: 'an objection to what we sent', end: (socket: WebSocket) => socket.close(1007), category: 'permanent' },
  ])('takes $name for a failure, after what was said before it', async ({ end, category }) => {
    const service = await serve((socket) => {
      say(socket, sound(Buffer.alloc(320)));
      end(socket);
    });
    let bytes = 0;
    const speaking = (async () => {
      for await (const chunk of speak(service.url)) bytes += chunk.length;
    })();
    expect(await failureOf(speaking)).toMatchObject({ category });
    expect(bytes).toBe(320);
  });

  it.each([
    ['a bad key', 401, { detail: { status: 'invalid_api_key', message: 'bad key' } }, 'auth'],
    ['a used-up quota', 401, { detail: { status: 'quota_exceeded', message: 'no credits' } }, 'quota'],
    ['a handshake refused without a word', 403, {}, 'auth'],
    ['a plan that does not allow the voice', 403, { detail: { code: 'subscription_required' } }, 'permanent'],
    ['a model that is not spoken there', 400, {}, 'permanent'],
    ['too many at once', 429, { detail: { code: 'concurrent_limit_exceeded' } }, 'rate-limited'],
    ['an overloaded service', 429, { detail: { code: 'system_busy' } }, 'transient'],
    ['a service that is down', 503, {}, 'transient'],
    ['a page that answers everything with 200', 200, {}, 'transient'],
  ])('tells %s at the handshake', async (_name, status, body, category) => {
    const server = await startScriptedServer(json(status, body));
    closers.push(server.close);
    expect(await failureOf(collect(speak(server.url)))).toMatchObject({ service: 'elevenlabs:text-to-speech', category, status });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    { name: 'rubbish where sound should be', rubbish: JSON.stringify({ audio: '%%% no base64 %%%' }) },
    { name: 'half a message', rubbish: '{"audio":"AAAA' },
    { name: 'a binary message', rubbish: Buffer.alloc(320) },
    { name: 'a message without end', rubbish: JSON.stringify({ audio: 'A'.repeat(2_000_000) }) },
  ])('takes $name for a broken answer, not for sound', async ({ rubbish }) => {
    const service = await serve((socket) => {
      socket.send(rubbish);
      say(socket, END);
    });
    expect(await failureOf(collect(speak(service.url)))).toMatchObject({ code: 'unreadable-answer', category: 'transient' });
    await service.closed;
  });

  it('has enough of a service that never stops', async () => {
    const service = await serve((socket) => {
      for (let i = 0; i < 3; i++) say(socket, sound(Buffer.alloc(600_000)));
    });
    expect(await failureOf(collect(speak(service.url)))).toMatchObject({ code: 'unreadable-answer', category: 'transient' });
    await service.closed;
  });

  it('takes an end without a sound, or within a sample, for a failure', async () => {
    const silent = await serve((socket) => say(socket, END));
    expect(await failureOf(collect(speak(silent.url)))).toMatchObject({ code: 'no-audio', category: 'transient' });
    const odd = await serve((socket) => [sound(Buffer.alloc(321)), END].map((message) => say(socket, message)));
    expect(await failureOf(collect(speak(odd.url)))).toMatchObject({ code: 'stream-ended-early', category: 'transient' });
  });

  it('lets a slow listener hear all that came, and does not take it for a slow service', async () => {
    const service = await serve((socket) => {
      for (let i = 0; i < 10; i++) say(socket, sound(Buffer.alloc(320)));
      socket.close(1011);
    });
    let bytes = 0;
    const listening = (async () => {
      for await (const chunk of create(service.url, { stallMs: 100 }).synthesize(SAY, new AbortController().signal)) {
        if (bytes === 0) await service.closed;
        bytes += chunk.length;
      }
    })();
    expect(await failureOf(listening)).toMatchObject({ code: 'connection-closed' });
    expect(bytes).toBe(10 * 320);
  });

  it('gives up a service that says nothing, at the deadline, and one that falls silent', async () => {
    const server = await startScriptedServer(hang);
    closers.push(server.close);
    const { signal } = new AbortController();
    const late = collect(create(server.url, { deadlineMs: 100 }).synthesize(SAY, signal));
    expect(await failureOf(late)).toMatchObject({ code: 'no-first-chunk', category: 'transient' });
    await server.abandoned;
    const mute = await serve(() => {});
    const unheard = collect(create(mute.url, { deadlineMs: 300 }).synthesize(SAY, signal));
    expect(await failureOf(unheard)).toMatchObject({ code: 'no-first-chunk', category: 'transient' });
    await mute.closed;
    const stalled = await serve((socket) => say(socket, sound(Buffer.alloc(320))));
    const cut = collect(create(stalled.url, { stallMs: 100 }).synthesize(SAY, signal));
    expect(await failureOf(cut)).toMatchObject({ code: 'stream-stalled', category: 'transient' });
    await stalled.closed;
  });

  it.each(['while it connects', 'before the first sound', 'between two sounds'])('hangs up at once when the call ends %s', async (when) => {
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    if (when === 'while it connects') {
      const server = await startScriptedServer(() => call.abort(reason));
      closers.push(server.close);
      await expect(collect(speak(server.url, call.signal))).rejects.toBe(reason);
      return server.abandoned;
    }
    const service = await serve((socket) => {
      if (when === 'before the first sound') call.abort(reason);
      else say(socket, sound(Buffer.alloc(320)));
    });
    const spoken = (async () => {
      for await (const _ of speak(service.url, call.signal)) call.abort(reason);
    })();
    await expect(spoken).rejects.toBe(reason);
    await service.closed;
  });

  it('hangs up when the listener has heard enough, and when the call ends while nobody takes the sound', async () => {
    const first = await serve((socket) => say(socket, sound(Buffer.alloc(320))));
    for await (const _ of speak(first.url)) break;
    await first.closed;
    const second = await serve((socket) => say(socket, sound(Buffer.alloc(320))));
    const call = new AbortController();
    const spoken = speak(second.url, call.signal)[Symbol.asyncIterator]();
    await spoken.next();
    call.abort(new Error('the callee hung up'));
    await second.closed;
    await spoken.return?.();
  });
});
