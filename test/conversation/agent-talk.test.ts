import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AgentReply } from '../../src/conversation/agent-reply.ts';
import { createAgentTalk } from '../../src/conversation/agent-talk.ts';
import { agentLatencyFacts } from '../../src/conversation/latency.ts';
import { type CalleeSound, createEar } from '../../src/conversation/listening.ts';
import { TransientError } from '../../src/errors.ts';
import type { MediaLeg } from '../../src/media/media-leg.ts';
import { readAgentMessage } from '../../src/services/deepgram-agent-messages.ts';
import type { ModelMessage } from '../../src/services/language-model.ts';
import type { AgentEvent, VoiceAgentRequest, VoiceAgentSession } from '../../src/services/voice-agent.ts';

const { signal } = new AbortController();
const GONE = new TransientError('gone', { service: 'deepgram:voice-agent', code: 'ws-1006', category: 'transient' });
const pcm = (byte: number) => Buffer.alloc(320, byte);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A talk with an agent that says just what it is told to. */
async function start() {
  const sent: string[] = [];
  const finals: string[] = [];
  const heard = { speech: 0 };
  const messages: ModelMessage[] = [];
  let request: VoiceAgentRequest | undefined;
  const session: VoiceAgentSession = {
    hear() {},
    say: (text) => sent.push(`say ${text}`),
    ask: (text) => sent.push(`ask ${text}`),
    answerToolCall: ({ name }, output) => sent.push(`${name} ${output}`),
    briefAnew: () => sent.push(`brief ${request?.brief().instructions}`),
    giveUpOn: (code) => sent.push(`give up ${code}`),
    close() {},
  };
  const talk = createAgentTalk({
    voiceAgent: {
      async open(asked) {
        request = asked;
        return session;
      },
    },
    ...{
      voice: 'v',
      instructions: () => 'Be kind.',
      tools: () => [],
      messages: () => messages,
      onToolCall() {},
      now: () => 0,
      log: { warn() {} },
    },
  });
  const hearing = await talk.speechToText.open({
    ...{ sampleRate: 8000, language: 'en', signal, onInterim() {}, onError() {} },
    onFinal: (text) => finals.push(text),
    onSpeech: () => void heard.speech++,
  });
  const tell = (...events: AgentEvent[]) => {
    for (const event of events) request?.onEvent(event);
  };
  return { talk, tell, sent, finals, heard, messages, hearing, fail: () => request?.onError(GONE), history: () => request?.history() };
}

const words = (text: string): AgentEvent => ({ kind: 'words', text });
const sound = (byte: number): AgentEvent => ({ kind: 'sound', pcm: pcm(byte) });
const said: AgentEvent = { kind: 'said' };

/** Everything of a reply, line by line: its words, and the first byte of each piece of sound. */
async function all(reply: AgentReply): Promise<[string, number[]][]> {
  const lines: [string, number[]][] = [];
  for await (const line of reply.lines) {
    const bytes: number[] = [];
    for await (const piece of line.sound) bytes.push(piece[0] ?? 0);
    lines.push([line.text, bytes]);
  }
  return lines;
}

describe('a talk with a voice agent', () => {
  it('puts words and the sound after them together, sentence by sentence', async () => {
    const { talk, tell } = await start();
    const reply = talk.reply(signal);
    tell(words('One.'), sound(1), sound(2), words('Two.'), words('Three.'), sound(3), said);
    expect(await all(await reply)).toEqual([
      ['One.', [1, 2]],
      ['Two. Three.', [3]],
    ]);
  });

  it('keeps what the service measured of its replies, for the log', async () => {
    const { talk, tell } = await start();
    const seconds = { ttt_text_latency: 0.412, tts_latency: 0.2, total_latency: 'rubbish' };
    const report = readAgentMessage('LatencyReport', seconds);
    expect(report).toEqual({ kind: 'latency', thinkMs: 412, speakMs: 200, totalMs: undefined });
    expect(readAgentMessage('LatencyReport', { ttt_token_latency: 0.3, ttt_tool_latency: 0.3 })).toBeUndefined();
    tell(report as AgentEvent, { kind: 'latency', thinkMs: 300, speakMs: 100, totalMs: 900 });
    expect(agentLatencyFacts(talk.latencies)).toEqual({ replies: 2, medianMs: { think: 300, speak: 100, total: 900 } });
    expect(agentLatencyFacts([])).toBeUndefined();
  });

  it('ends a reply whose end is never told, when nothing more of it comes', async () => {
    const { talk, tell } = await start();
    const reply = talk.reply(signal);
    tell(words('One.'), sound(1));
    const whole = reply.then(all);
    await vi.advanceTimersByTimeAsync(3_100);
    expect(await whole).toEqual([['One.', [1]]]);
  });

  it('takes the words that follow a tool call for the same reply, and what follows its answer for the next', async () => {
    const { talk, tell, sent } = await start();
    const call = { callId: '1', name: 'record', arguments: '{}' };
    tell({ kind: 'callee-said', text: 'Yes.' });
    const reply = talk.reply(signal);
    tell({ kind: 'tool-calls', calls: [call] }, words('Noted.'), sound(1), said);
    expect([await all(await reply), (await reply).toolCalls]).toEqual([[['Noted.', [1]]], [call]]);
    const goesOn = talk.goesOn(2_500);
    talk.answerToolCall(call, 'ok');
    tell(words('What else?'), sound(2), said);
    expect([sent, await goesOn]).toEqual([['record ok'], true]);
    expect(await all(await talk.reply(signal))).toEqual([['What else?', [2]]]);
  });

  it('waits no longer for more when none comes, or the callee speaks', async () => {
    const { talk, tell } = await start();
    const late = talk.goesOn(2_500);
    await vi.advanceTimersByTimeAsync(2_600);
    expect(await late).toBe(false);
    const cut = talk.goesOn(2_500);
    tell({ kind: 'callee-speaks' });
    expect(await cut).toBe(false);
  });

  it('drops a reply that the callee spoke over, and asks again when they said nothing after all', async () => {
    const { talk, tell, sent, finals } = await start();
    tell({ kind: 'callee-said', text: 'Where is it?' }, { kind: 'callee-speaks' });
    const reply = talk.reply(signal);
    expect([finals, sent]).toEqual([['Where is it?'], ['ask Where is it?']]);
    // What it tells of what we asked is no new turn of the callee.
    tell({ kind: 'callee-said', text: 'Where is it?' }, words('Here.'), sound(1), said);
    expect(await all(await reply)).toEqual([['Here.', [1]]]);
    expect(finals).toEqual(['Where is it?']);
  });

  it('keeps sound that is still on its way out of what we say ourselves', async () => {
    const { talk, tell, sent } = await start();
    tell(words('A long story about the sea.'), sound(1));
    const heard: number[] = [];
    const saying = (async () => {
      for await (const piece of talk.textToSpeech.synthesize(
        { text: 'Goodbye, then.', voice: 'v', language: 'en', sampleRate: 8000 },
        signal,
      ))
        heard.push(piece[0] ?? 0);
    })();
    await vi.advanceTimersByTimeAsync(0);
    tell(sound(2), words('And the ships.'), sound(3), words('Goodbye then'), sound(4), sound(5), said);
    await saying;
    expect([sent, heard]).toEqual([['say Goodbye, then.'], [4, 5]]);
  });

  it('tells the agent what was heard of a reply that was cut off, the latest five at most', async () => {
    const { talk, tell, sent } = await start();
    for (let i = 0; i < 7; i++) {
      const reply = talk.reply(signal);
      tell(words(`Reply ${i}.`), sound(1), said);
      talk.cutOff(await reply, `Re${i}`);
    }
    const last = sent.at(-1) ?? '';
    expect(last).toMatch(/^brief Be kind\./);
    expect([0, 1, 2, 3, 4, 5, 6].filter((i) => last.includes(`"Re${i}"`))).toEqual([2, 3, 4, 5, 6]);
  });

  it('has a reply that broke off with its connection go on where it was heard to, on the next one', async () => {
    const { talk, tell, sent, messages, history } = await start();
    messages.push({ role: 'assistant', text: 'Hello.' }, { role: 'user', text: 'Where is it?' });
    tell({ kind: 'callee-said', text: 'Where is it?' });
    const first = talk.reply(signal);
    tell(words('It is in the street behind the house.'), sound(1), { kind: 'lost', error: GONE });
    const broken = await first;
    await all(broken);
    expect(broken.cutShort).toBe('lost');
    // What nobody has answered is asked, and is no history yet.
    expect(history()).toEqual([{ role: 'assistant', text: 'Hello.' }]);
    talk.brokenOff('It is in the');
    const second = talk.reply(signal);
    expect(sent).toEqual([]);
    tell({ kind: 'restored' });
    expect(sent).toEqual(['ask Where is it? (You were cut off after "It is in the". Please go on from there.)']);
    tell(words('Behind the house.'), sound(2), said);
    expect(await all(await second)).toEqual([['Behind the house.', [2]]]);
  });

  it('fails whoever waits when there will be no connection any more', async () => {
    const { talk, tell, fail } = await start();
    tell({ kind: 'lost', error: GONE });
    const reply = talk.reply(signal);
    const own = talk.textToSpeech
      .synthesize({ text: 'Goodbye.', voice: 'v', language: 'en', sampleRate: 8000 }, signal)
      [Symbol.asyncIterator]()
      .next();
    fail();
    await expect(reply).rejects.toBe(GONE);
    await expect(own).rejects.toBe(GONE);
    await expect(talk.reply(signal)).rejects.toBe(GONE);
  });

  it('stops what we are saying for somebody whom only the agent hears', async () => {
    const { talk, tell } = await start();
    const leg = { sampleRate: 8000, onFrame: () => () => {}, pauseOnSpeech() {}, resume() {} } as unknown as MediaLeg;
    const over = new AbortController();
    const ear = createEar({ leg, speechToText: talk.speechToText, language: 'en', now: () => 7_000, signal: over.signal });
    await ear.ready;
    ear.start();
    const sounds: CalleeSound[] = [];
    ear.onSound((heard) => sounds.push(heard));
    tell({ kind: 'callee-speaks' });
    tell({ kind: 'callee-said', text: 'Wait.' });
    expect(sounds.slice(0, 2)).toEqual([
      { kind: 'speech', atMs: 7_000, paused: false },
      { kind: 'words', text: 'Wait.' },
    ]);
    over.abort();
  });

  it('answers every pause of the callee once, with words or without, and gives an agent up that has gone deaf', async () => {
    const { tell, finals, hearing, sent, heard } = await start();
    tell({ kind: 'callee-speaks' });
    expect(heard.speech).toBe(1);
    hearing.commit();
    hearing.commit();
    tell({ kind: 'callee-said', text: 'Hello.' });
    expect(finals).toEqual(['Hello.', '']);
    hearing.commit();
    await vi.advanceTimersByTimeAsync(1_100);
    expect(finals).toEqual(['Hello.', '', '']);
    hearing.distrust?.();
    expect(sent).toEqual(['give up no-final-transcript']);
  });
});
