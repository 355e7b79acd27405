import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadElevenLabsSdk } from '../../src/services/elevenlabs-client.ts';
import { createElevenLabsTextToSpeech } from '../../src/services/elevenlabs-text-to-speech.ts';
import { createHubSpot } from '../../src/services/hubspot.ts';
import { createOpenAiLanguageModel } from '../../src/services/openai-language-model.ts';
import { createOpenAiSpeechToText } from '../../src/services/openai-speech-to-text.ts';
import {
  event,
  hang,
  htmlUnavailable,
  refusedUrl,
  resetAfter,
  resetBeforeHeaders,
  type ScriptedServer,
  startScriptedServer,
} from './scripted-server.ts';
import { collect, failureOf } from './settled.ts';

interface Subject {
  service: string;
  name: string;
  use(url: string, deadlineMs: number, signal: AbortSignal): Promise<unknown>;
  probe(url: string, deadlineMs: number, signal: AbortSignal): Promise<void>;
  /** The beginning of a good answer. */
  start: string | Buffer;
  contentType: string;
  /** It begins with a handshake, whose answer has no body to break off. */
  overSocket?: boolean;
}

const KEY = 'key-0123456789abcdef';
const tts = (url: string, deadlineMs: number, transport: 'http' | 'websocket' = 'http') =>
  createElevenLabsTextToSpeech({ apiKey: KEY, baseUrl: url, transport, deadlineMs, stallMs: deadlineMs });
const HELLO = { text: 'Hello.', voice: 'rachel', language: 'en', sampleRate: 8000 };
const model = (url: string, deadlineMs: number) =>
  createOpenAiLanguageModel({ apiKey: KEY, baseUrl: `${url}/v1`, model: 'gpt-5.4-mini', deadlineMs, stallMs: deadlineMs });
const ear = (url: string, deadlineMs: number) => createOpenAiSpeechToText({ apiKey: KEY, baseUrl: `${url}/v1`, deadlineMs });
const LISTEN = { sampleRate: 8000, language: 'en', onInterim() {}, onFinal() {}, onError() {} };
const crm = (url: string, deadlineMs: number) => createHubSpot({ accessToken: KEY, baseUrl: url, deadlineMs });

const SUBJECTS: Subject[] = [
  {
    service: 'elevenlabs:text-to-speech',
    name: 'elevenlabs:text-to-speech',
    use: (url, ms, signal) => collect(tts(url, ms).synthesize(HELLO, signal)),
    probe: (url, ms, signal) => tts(url, ms).probe(signal),
    start: Buffer.alloc(320),
    contentType: 'audio/mpeg',
  },
  {
    service: 'elevenlabs:text-to-speech',
    name: 'elevenlabs:text-to-speech over its websocket',
    overSocket: true,
    use: (url, ms, signal) => collect(tts(url, ms, 'websocket').synthesize(HELLO, signal)),
    probe: (url, ms, signal) => tts(url, ms, 'websocket').probe(signal),
    start: '',
    contentType: 'application/json',
  },
  {
    service: 'openai:language-model',
    name: 'openai:language-model',
    use: (url, ms, signal) => collect(model(url, ms).respond({ instructions: '', messages: [], tools: [] }, signal)),
    probe: (url, ms, signal) => model(url, ms).probe(signal),
    start: event({ type: 'response.output_text.delta', delta: 'Good ' }),
    contentType: 'text/event-stream',
  },
  {
    service: 'openai:speech-to-text',
    name: 'openai:speech-to-text',
    overSocket: true,
    use: (url, ms, signal) => ear(url, ms).open({ ...LISTEN, signal }),
    probe: (url, ms, signal) => ear(url, ms).probe(signal),
    start: '',
    contentType: 'application/json',
  },
  {
    service: 'hubspot',
    name: 'hubspot',
    use: (url, ms, signal) => crm(url, ms).findContact({ phone: '+12025550123' }, signal),
    probe: (url, ms, signal) => crm(url, ms).probe(signal),
    start: '{"total":1,',
    contentType: 'application/json',
  },
];

const { signal } = new AbortController();
/** Long enough never to pass on a busy machine, where something else is what fails. Milliseconds. */
const NEVER = 15_000;

describe.each(SUBJECTS)('$name', ({ service, use, probe, start, contentType, overSocket = false }) => {
  let server: ScriptedServer;
  // On a busy machine it takes its time.
  beforeAll(async () => void (await loadElevenLabsSdk()), 120_000);
  beforeEach(async () => {
    server = await startScriptedServer();
  });
  afterEach(() => server.close());

  it('that answers 503 with a page is transient, says when to come back, and is asked once', async () => {
    server.answer = htmlUnavailable;
    const failure = await failureOf(use(server.url, NEVER, signal));
    expect(failure).toMatchObject({ service, code: 'http-503', category: 'transient', status: 503, retryAfterMs: 7000 });
    expect(failure.name).toBe('TransientError');
    expect(failure.message).not.toContain('<html>');
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['before the headers', resetBeforeHeaders] as const,
    ...(overSocket
      ? []
      : ([
          ['after the headers', resetAfter('', contentType)],
          ['in the body', resetAfter(start, contentType)],
        ] as const)),
  ])('whose connection is reset %s is transient, and asked once', async (_when, answer) => {
    server.answer = answer;
    const failure = await failureOf(use(server.url, NEVER, signal));
    expect(failure).toMatchObject({ service, category: 'transient', status: undefined });
    expect(['ECONNRESET', 'UND_ERR_SOCKET']).toContain(failure.code);
    expect(server.requests).toHaveLength(1);
  });

  it('where nobody listens is transient', async () => {
    expect(await failureOf(use(await refusedUrl(), NEVER, signal))).toMatchObject({
      service,
      code: 'ECONNREFUSED',
      category: 'transient',
    });
  });

  it('whose name does not exist is transient', async () => {
    const failure = await failureOf(use('http://nowhere.invalid', NEVER, signal));
    expect(failure).toMatchObject({ service, category: 'transient', code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) });
  });

  it('that never answers is given up at the deadline', async () => {
    server.answer = hang;
    expect(await failureOf(use(server.url, 150, signal))).toMatchObject({ service, category: 'transient' });
    await server.abandoned;
  });

  it('is let go at once when the call ends, before it has answered', async () => {
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    server.answer = () => call.abort(reason);
    await expect(use(server.url, NEVER, call.signal)).rejects.toBe(reason);
    await server.abandoned;
    await expect(use(server.url, NEVER, call.signal)).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });

  it('is unhealthy when its health check fails, hangs, or is refused', async () => {
    server.answer = htmlUnavailable;
    expect(await failureOf(probe(server.url, NEVER, signal))).toMatchObject({
      service,
      category: 'transient',
      status: 503,
      retryAfterMs: 7000,
    });
    server.answer = hang;
    expect(await failureOf(probe(server.url, 150, signal))).toMatchObject({ service, code: 'no-answer', category: 'transient' });
    const stop = new AbortController();
    const reason = new Error('we are shutting down');
    server.answer = () => stop.abort(reason);
    await expect(probe(server.url, NEVER, stop.signal)).rejects.toBe(reason);
    expect(await failureOf(probe(await refusedUrl(), NEVER, signal))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('never gets its key into a message, not even when it sends it back', async () => {
    server.answer = (response) => {
      response.writeHead(400, { 'content-type': contentType, 'x-echo': KEY });
      response.end(
        JSON.stringify({
          detail: { code: KEY, message: `you sent ${KEY}` },
          error: { code: KEY, message: KEY },
          message: KEY,
          category: KEY,
        }),
      );
    };
    const failure = await failureOf(use(server.url, NEVER, signal));
    const { inspect } = await import('node:util');
    expect(inspect(failure, { depth: 10, showHidden: true })).not.toContain(KEY);
    expect(failure.category).toBe('permanent');
  });
});
