import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { AudioFormat, CommitStrategy, ElevenLabsClient, ElevenLabsError, RealtimeEvents } from 'elevenlabs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { elevenLabsErrors, SCRIBE_ERRORS } from '../../../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { type ElevenLabsSandbox, startElevenLabsSandbox } from '../../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { decodeG711, encodeG711 } from '../../../src/sandbox/voice/g711.ts';
import { createListener, speak } from '../../../src/sandbox/voice/voice.ts';

let sandbox: ElevenLabsSandbox;
let client: ElevenLabsClient;

beforeEach(async () => {
  sandbox = await startElevenLabsSandbox({ apiKey: 'right' });
  client = clientWith('right');
});
afterEach(() => sandbox.close());

const clientWith = (apiKey: string) => new ElevenLabsClient({ apiKey, baseUrl: sandbox.url, maxRetries: 0, timeoutInSeconds: 5 });
const understand = (pcm: Buffer, rate: number) =>
  createListener(rate)
    .push(pcm)
    .map((word) => word.text)
    .join(' ');
const hello = { text: 'Hello, this is Anna.', modelId: 'eleven_flash_v2_5' };

async function failure(work: Promise<unknown>): Promise<ElevenLabsError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ElevenLabsError) return error;
  throw new Error(`expected an ElevenLabsError, got ${String(error)}`);
}

describe('text-to-speech of the sandbox, asked by the real SDK', () => {
  it.each([
    ['pcm_8000', 8000],
    ['pcm_16000', 16_000],
    ['pcm_24000', 24_000],
  ] as const)('speaks %s word for word', async (outputFormat, rate) => {
    const stream = await client.textToSpeech.stream('voice', { ...hello, outputFormat });
    expect(understand(await buffer(stream), rate)).toBe(hello.text);
    expect(sandbox.spoken).toEqual([hello.text]);
  });

  it.each(['ulaw_8000', 'alaw_8000'] as const)('speaks %s', async (outputFormat) => {
    const stream = await client.textToSpeech.stream('voice', { ...hello, outputFormat });
    const bytes = await buffer(stream);
    expect(understand(decodeG711(bytes, outputFormat === 'ulaw_8000' ? 'ulaw' : 'alaw'), 8000)).toBe(hello.text);
  });

  it('streams: the first sound is there long before the last', async () => {
    await sandbox.close();
    sandbox = await startElevenLabsSandbox({ speed: 4 });
    client = clientWith('any');
    const startedAt = performance.now();
    const stream = await client.textToSpeech.stream('voice', { ...hello, outputFormat: 'pcm_16000' });
    const arrivals = [];
    for await (const chunk of stream) arrivals.push([performance.now() - startedAt, chunk.length]);
    expect(arrivals.length).toBeGreaterThan(5);
    expect((arrivals.at(-1)?.[0] ?? 0) - (arrivals[0]?.[0] ?? 0)).toBeGreaterThan(150);
  });

  it('gives the whole sound on the other route too', async () => {
    const stream = await client.textToSpeech.convert('voice', { ...hello, outputFormat: 'pcm_16000' });
    expect(understand(await buffer(stream), 16_000)).toBe(hello.text);
  });

  it('checks the body before the key, and the key before the format', async () => {
    const ask = async (key: string, body: unknown, format: string) => {
      const response = await fetch(`${sandbox.url}/v1/text-to-speech/v/stream?output_format=${format}`, {
        method: 'POST',
        headers: { 'xi-api-key': key, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return [response.status, await response.json()];
    };
    expect(await ask('wrong', {}, 'nonsense')).toMatchObject([422, { detail: [{ type: 'missing', loc: ['body', 'text'] }] }]);
    expect(await ask('wrong', { text: 'x' }, 'nonsense')).toMatchObject([
      401,
      { detail: { code: 'unauthorized', status: 'invalid_api_key' } },
    ]);
    expect(await ask('right', { text: 'x' }, 'nonsense')).toMatchObject([400, { detail: { type: 'invalid_request' } }]);
  });

  it('calls every format audio/mpeg, as the real one does', async () => {
    const { rawResponse } = await client.textToSpeech.stream('voice', { ...hello, outputFormat: 'pcm_8000' }).withRawResponse();
    expect(rawResponse.headers.get('content-type')).toBe('audio/mpeg');
    expect(rawResponse.headers.get('maximum-concurrent-requests')).toBe('15');
  });

  it('says no in every way the real one has', async () => {
    for (const [name, fault] of Object.entries(elevenLabsErrors)) {
      if (fault.kind !== 'status') continue;
      sandbox.faults.set(fault);
      const error = await failure(client.textToSpeech.stream('voice', { ...hello, outputFormat: 'pcm_8000' }));
      expect([name, error.statusCode]).toEqual([name, fault.status]);
    }
    sandbox.faults.set(elevenLabsErrors.quotaExceeded401);
    const { body } = await failure(client.textToSpeech.stream('voice', { ...hello, outputFormat: 'pcm_8000' }));
    expect(body).toMatchObject({ detail: { status: 'quota_exceeded' } });
  });

  it('breaks off in the middle', async () => {
    sandbox.faults.set({ kind: 'reset', when: 'in-body' });
    const stream = await client.textToSpeech.stream('voice', { ...hello, outputFormat: 'pcm_8000' });
    await expect(buffer(stream)).rejects.toThrow('terminated');
  });
});

describe('the account of the sandbox', () => {
  it('tells the subscription and counts characters', async () => {
    await buffer(await client.textToSpeech.stream('voice', { ...hello, outputFormat: 'pcm_8000' }));
    const subscription = await client.user.subscription.get();
    expect([subscription.characterCount, subscription.status]).toEqual([hello.text.length, 'active']);
    expect((await failure(clientWith('wrong').user.subscription.get())).statusCode).toBe(401);
  });

  it('tells the models, and is odd about a missing key', async () => {
    expect((await client.models.list()).map((model) => model.modelId)).toContain('eleven_flash_v2_5');
    const response = await fetch(`${sandbox.url}/v1/models`);
    expect([response.status, await response.json()]).toMatchObject([404, { detail: { code: 'workspace_not_found' } }]);
  });
});

/** A conversation with the real SDK's connection; collects every message of these kinds. */
async function open(overrides: Record<string, unknown> = {}, key = 'right') {
  const messages: Record<string, unknown>[] = [];
  const connection = await clientWith(key).speechToText.realtime.connect({
    modelId: 'scribe_v2_realtime',
    audioFormat: AudioFormat.PCM_8000,
    sampleRate: 8000,
    ...overrides,
  });
  let closed = false;
  for (const event of Object.values(RealtimeEvents)) {
    if (event === RealtimeEvents.CLOSE) connection.on(event, () => (closed = true));
    else if (event !== RealtimeEvents.OPEN) connection.on(event, (data) => messages.push(data as never));
  }
  const types = () => messages.map((message) => message.message_type);
  return {
    connection,
    messages,
    types,
    texts: (type: string) => messages.filter((message) => message.message_type === type).map((message) => message.text),
    started: () => expect.poll(types).toContain('session_started'),
    isClosed: () => closed,
    sendAll(audio: Buffer, bytes = 320) {
      for (let at = 0; at < audio.length; at += bytes) connection.send({ audioBase64: audio.subarray(at, at + bytes).toString('base64') });
    },
  };
}

describe('realtime speech-to-text of the sandbox, spoken to by the real SDK', () => {
  it('hears words as they come in, and makes them final on commit', async () => {
    const session = await open();
    await session.started();
    expect(session.messages[0]).toMatchObject({ config: { sample_rate: 8000, audio_format: 'pcm_8000', vad_commit_strategy: 'manual' } });
    session.sendAll(speak('Yes, that suits me.', 8000));
    session.connection.commit();
    await expect.poll(() => session.texts('committed_transcript')).toEqual(['Yes, that suits me.']);
    expect(session.texts('partial_transcript')).toEqual(['Yes,', 'Yes, that', 'Yes, that suits', 'Yes, that suits me.']);
    session.sendAll(speak('Goodbye!', 8000));
    session.connection.commit();
    await expect.poll(() => session.texts('committed_transcript')).toEqual(['Yes, that suits me.', 'Goodbye!']);
    session.connection.close();
    await expect.poll(() => sandbox.sessions).toBe(0);
  });

  it('understands G.711', async () => {
    const session = await open({ audioFormat: AudioFormat.ULAW_8000 });
    await session.started();
    session.sendAll(encodeG711(speak('Wer spricht da?', 8000), 'ulaw'), 160);
    session.connection.commit();
    await expect.poll(() => session.texts('committed_transcript')).toEqual(['Wer spricht da?']);
  });

  it('commits by itself after a silence when asked to, with the time of each word', async () => {
    const session = await open({ commitStrategy: CommitStrategy.VAD, vadSilenceThresholdSecs: 0.5, includeTimestamps: true });
    await session.started();
    session.sendAll(Buffer.concat([speak('Who is there?', 8000), Buffer.alloc(16 * 480)]));
    session.sendAll(Buffer.alloc(16 * 100));
    await expect.poll(() => session.texts('committed_transcript')).toEqual(['Who is there?']);
    await expect.poll(() => session.texts('committed_transcript_with_timestamps')).toEqual(['Who is there?']);
    const words = session.messages.find((message) => message.message_type === 'committed_transcript_with_timestamps')?.words;
    expect(words).toMatchObject([
      { text: 'Who', type: 'word' },
      { type: 'spacing' },
      { text: 'is' },
      { type: 'spacing' },
      { text: 'there?' },
    ]);
  });

  it('refuses a wrong key and wrong parameters by a message and a close', async () => {
    const stranger = await open({}, 'wrong');
    await expect.poll(() => stranger.types()).toContain('auth_error');
    await expect.poll(() => stranger.isClosed()).toBe(true);
    const confused = await open({ audioFormat: 'mp3' });
    await expect.poll(() => confused.types()).toContain('invalid_request');
    await expect.poll(() => confused.isClosed()).toBe(true);
  });

  it('sends every error that the real one has, then closes', async () => {
    for (const type of SCRIBE_ERRORS) {
      const session = await open();
      await session.started();
      sandbox.failSessions(type, 'because');
      await expect.poll(() => session.messages.at(-1)).toMatchObject({ message_type: type, error: 'because' });
      await expect.poll(() => session.isClosed()).toBe(true);
    }
  });

  it('ends a session that nobody speaks to', async () => {
    await sandbox.close();
    sandbox = await startElevenLabsSandbox({ idleTimeoutMs: 50 });
    const session = await open();
    await expect.poll(() => session.types()).toContain('insufficient_audio_activity');
    await expect.poll(() => session.isClosed()).toBe(true);
  });

  it('is made ill by a fault: refused, told off, cut off, deaf', async () => {
    sandbox.faults.set(elevenLabsErrors.scribeQuotaExceeded, { path: /speech-to-text/, times: 1 });
    const poor = await open();
    await expect.poll(() => poor.types()).toContain('quota_exceeded');

    sandbox.faults.set(elevenLabsErrors.unavailable503, { path: /speech-to-text/, times: 1 });
    const socket = new WebSocket(`${sandbox.url.replace('http', 'ws')}/v1/speech-to-text/realtime?model_id=x`);
    const [refusal] = await once(socket, 'error');
    expect(String(refusal)).toContain('503');

    sandbox.faults.set({ kind: 'reset', when: 'in-body' }, { path: /speech-to-text/, times: 1 });
    const cut = await open();
    await cut.started();
    cut.sendAll(Buffer.alloc(320));
    await expect.poll(() => cut.isClosed()).toBe(true);

    sandbox.faults.set({ kind: 'stall', afterBytes: 0 }, { path: /speech-to-text/, times: 1 });
    const deaf = await open();
    const well = await open();
    for (const session of [deaf, well]) {
      await session.started();
      session.sendAll(speak('Hello?', 8000));
      session.connection.commit();
    }
    await expect.poll(() => well.texts('committed_transcript')).toEqual(['Hello?']);
    expect(deaf.types()).toEqual(['session_started']);
  });

  it('does not take what the real one does not know', async () => {
    const socket = new WebSocket(`${sandbox.url.replace('http', 'ws')}/v1/speech-to-text/realtime?model_id=x`, {
      headers: { 'xi-api-key': 'right' },
    });
    await once(socket, 'message');
    socket.send(JSON.stringify({ message_type: 'commit' }));
    const [data] = await once(socket, 'message');
    expect(JSON.parse(String(data))).toMatchObject({ message_type: 'input_error' });
  });
});
