import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { DEEPGRAM_CLOSES, type DeepgramClose, deepgramErrors } from '../../../src/sandbox/deepgram/deepgram-errors.ts';
import { type DeepgramSandbox, startDeepgramSandbox } from '../../../src/sandbox/deepgram/deepgram-sandbox.ts';
import { speak } from '../../../src/sandbox/voice/voice.ts';

type Message = Record<string, unknown>;

const NOVA = '/v1/listen?model=nova-3&encoding=linear16&sample_rate=8000&interim_results=true&endpointing=false';
const FLUX = '/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=8000';

let sandbox: DeepgramSandbox;
beforeEach(async () => {
  sandbox = await startDeepgramSandbox({ apiKey: 'right' });
});
afterEach(() => sandbox.close());

async function open(path: string, key = 'right') {
  const socket = new WebSocket(sandbox.url.replace('http', 'ws') + path, { headers: { authorization: `Token ${key}` } });
  const messages: Message[] = [];
  const closed = Promise.withResolvers<[number, string]>();
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  socket.on('close', (code, reason) => closed.resolve([code, String(reason)]));
  await once(socket, 'open');
  return {
    socket,
    messages,
    closed: closed.promise,
    tell: (type: string) => socket.send(JSON.stringify({ type })),
    say(text: string, quietMs = 0) {
      const pcm = Buffer.concat([speak(text, 8000), Buffer.alloc(16 * quietMs)]);
      for (let at = 0; at < pcm.length; at += 1280) socket.send(pcm.subarray(at, at + 1280));
    },
  };
}

async function refusal(path: string, key = 'right') {
  const socket = new WebSocket(sandbox.url.replace('http', 'ws') + path, { headers: { authorization: `Token ${key}` } });
  const refused = Promise.withResolvers<{ status: number | undefined; reason: unknown }>();
  socket.on('error', refused.reject);
  socket.on('unexpected-response', (_request, response) => {
    response.resume();
    refused.resolve({ status: response.statusCode, reason: response.headers['dg-error'] });
  });
  return refused.promise;
}

const transcript = ({ channel }: Message) => (channel as { alternatives: { transcript: string }[] }).alternatives[0]?.transcript;

describe('Nova of the Deepgram sandbox', () => {
  const results = (messages: Message[]) => messages.filter(({ type }) => type === 'Results');
  const finals = (messages: Message[]) => results(messages).filter(({ is_final }) => is_final);

  it('hears words as they come, makes them final in pieces, and the rest when told to', async () => {
    const session = await open(NOVA);
    session.say('one two three four five six seven');
    session.tell('Finalize');
    await expect.poll(() => finals(session.messages).map(transcript)).toEqual(['one two three four five', 'six seven']);
    expect(finals(session.messages).map(({ from_finalize }) => from_finalize)).toEqual([false, true]);
    expect(results(session.messages).map(transcript)).toContain('one two three');
  });

  it('leaves a Finalize of nothing unanswered', async () => {
    const session = await open(NOVA);
    session.tell('Finalize');
    session.say('yes');
    session.tell('Finalize');
    await expect.poll(() => finals(session.messages).map(transcript)).toEqual(['yes']);
  });

  it('says how long it listened, and goodbye, when the stream is closed, also by an empty message', async () => {
    for (const end of ['CloseStream', 'empty']) {
      const session = await open(NOVA);
      session.say('yes');
      if (end === 'empty') session.socket.send(Buffer.alloc(0));
      else session.tell(end);
      expect(await session.closed).toEqual([1000, '']);
      expect(finals(session.messages).map(transcript)).toEqual(['yes']);
      expect(session.messages.at(-1)).toMatchObject({ type: 'Metadata', channels: 1 });
    }
  });

  it('ends a session without sound; a sign of life counts only after some', async () => {
    await sandbox.close();
    sandbox = await startDeepgramSandbox({ idleTimeoutMs: 300 });
    const mute = await open(NOVA);
    const waiting = await open(NOVA);
    waiting.say('yes');
    const signs = setInterval(() => {
      mute.tell('KeepAlive');
      waiting.tell('KeepAlive');
    }, 30);
    expect(await mute.closed).toEqual([1011, expect.stringMatching(/^NET-0001/)]);
    expect(waiting.socket.readyState).toBe(WebSocket.OPEN);
    clearInterval(signs);
    expect(await waiting.closed).toEqual([1011, expect.stringMatching(/^NET-0001/)]);
  });

  it('closes what it cannot read, and what it does not know', async () => {
    const odd = await open(NOVA);
    odd.socket.send(Buffer.alloc(3));
    expect(await odd.closed).toEqual([1008, expect.stringMatching(/^DATA-0000/)]);
    const strange = await open(NOVA);
    strange.tell('Commit');
    await strange.closed;
    expect(strange.messages).toMatchObject([{ type: 'Error', code: 'UNPARSABLE_CLIENT_MESSAGE' }]);
  });
});

describe('Flux of the Deepgram sandbox', () => {
  const turns = (messages: Message[]) => messages.filter(({ type, event }) => type === 'TurnInfo' && event === 'EndOfTurn');

  it('greets, tells how a turn begins and grows, and ends it when the speaker falls silent', async () => {
    const session = await open(FLUX);
    session.say('Who is there?', 1_000);
    session.say('Hello?', 1_000);
    await expect
      .poll(() => turns(session.messages))
      .toMatchObject([
        { transcript: 'Who is there?', turn_index: 0, trigger: 'model' },
        { transcript: 'Hello?', turn_index: 1, trigger: 'model' },
      ]);
    expect(session.messages[0]).toMatchObject({ type: 'Connected', sequence_id: 0 });
    expect(session.messages.map(({ sequence_id }) => sequence_id)).toEqual(session.messages.map((_, i) => i));
    expect(session.messages.find(({ event }) => event === 'StartOfTurn')).toMatchObject({ transcript: 'Who' });
  });

  it('ends turns only when told to, if that was asked for', async () => {
    const session = await open(`${FLUX}&eot_threshold=1.0&eot_timeout_ms=30000`);
    session.tell('ForceEndTurn');
    session.say('Who is there?', 1_000);
    session.tell('ForceEndTurn');
    session.tell('Configure');
    await expect.poll(() => session.messages.at(-1)).toMatchObject({ type: 'ConfigureSuccess' });
    expect(turns(session.messages)).toMatchObject([{ transcript: 'Who is there?', trigger: 'manual' }]);
  });

  it('knows no KeepAlive', async () => {
    const session = await open(FLUX);
    session.tell('KeepAlive');
    await session.closed;
    expect(session.messages.at(-1)).toMatchObject({ type: 'Error', code: 'UNPARSABLE_CLIENT_MESSAGE' });
  });
});

describe('the door of the Deepgram sandbox', () => {
  it.each([NOVA, FLUX])('lets in only the right key, and tells in a header why not: %s', async (path) => {
    expect(await refusal(path, 'wrong')).toEqual({ status: 401, reason: 'Invalid credentials.' });
    expect(await refusal(path.replace('linear16', 'mp3'))).toEqual({ status: 400, reason: expect.stringContaining('encoding') });
    expect((await refusal('/v3/listen')).status).toBe(404);
  });

  it('lists the projects', async () => {
    const ask = (key: string) => fetch(`${sandbox.url}/v1/projects`, { headers: { authorization: `Token ${key}` } });
    expect(await (await ask('right')).json()).toMatchObject({ projects: [{ name: 'Sandbox' }] });
    expect([(await ask('wrong')).status, await (await ask('wrong')).json()]).toMatchObject([401, { err_code: 'INVALID_AUTH' }]);
  });

  it('says no in every way the real one has', async () => {
    for (const fault of Object.values(deepgramErrors)) {
      sandbox.faults.set(fault, { times: 1 });
      expect((await refusal(NOVA)).status).toBe(fault.status);
    }
  });

  it('closes and cuts sessions on demand', async () => {
    for (const [name, [code, reason]] of Object.entries(DEEPGRAM_CLOSES)) {
      const session = await open(NOVA);
      sandbox.closeSessions(name as DeepgramClose);
      expect(await session.closed).toEqual([code, reason]);
    }
    const cut = await open(FLUX);
    sandbox.dropSessions();
    expect((await cut.closed)[0]).toBe(1006);
    await expect.poll(() => sandbox.sessions).toBe(0);
  });
});
