import OpenAI from 'openai';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Brain, BrainReply } from '../../../src/sandbox/openai/brain.ts';
import { openAiErrors } from '../../../src/sandbox/openai/openai-errors.ts';
import { type OpenAiSandbox, startOpenAiSandbox } from '../../../src/sandbox/openai/openai-sandbox.ts';
import { createListener } from '../../../src/sandbox/voice/voice.ts';

let reply: BrainReply;
let sandbox: OpenAiSandbox;
let client: OpenAI;
const brain: Brain = () => reply;

beforeEach(async () => {
  reply = { text: 'Hello there. How are you?' };
  sandbox = await startOpenAiSandbox({ apiKey: 'right', models: ['gpt-5-mini'], brain, firstWordMs: 5, wordMs: 5 });
  client = clientWith('right');
});
afterEach(() => sandbox.close());

const clientWith = (apiKey: string) => new OpenAI({ apiKey, baseURL: sandbox.baseUrl, maxRetries: 0, timeout: 5000 });
const request = { model: 'gpt-5-mini', instructions: 'Be kind.', input: [{ role: 'user' as const, content: 'Hi' }] };
const tools = [{ type: 'function' as const, name: 'end_call', parameters: { type: 'object', properties: {} }, strict: false }];

async function stream(body = {}): Promise<ResponseStreamEvent[]> {
  const events = [];
  for await (const event of await client.responses.create({ ...request, ...body, stream: true })) events.push(event);
  return events;
}

/** The names in order, a run of the same one told once. */
const story = (events: ResponseStreamEvent[]) => events.map((event) => event.type).filter((type, i, all) => type !== all[i - 1]);

async function failure(work: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError>> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof OpenAI.APIError) return error;
  throw new Error(`expected an APIError, got ${String(error)}`);
}

describe('the language model of the sandbox, asked by the real SDK', () => {
  it('streams a reply word by word, every event in its place', async () => {
    const events = await stream();
    expect(story(events)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const deltas = events.flatMap((event) => (event.type === 'response.output_text.delta' ? [event.delta] : []));
    expect(deltas).toEqual(['Hello', ' there.', ' How', ' are', ' you?']);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
    const last = events.at(-1);
    expect(last?.type === 'response.completed' && last.response.output[0]).toMatchObject({
      type: 'message',
      content: [{ type: 'output_text', text: 'Hello there. How are you?' }],
    });
  });

  it('calls functions, after its words or instead of them', async () => {
    reply = { text: 'Goodbye.', toolCalls: [{ name: 'end_call', arguments: { farewell: null } }] };
    const events = await stream({ tools });
    expect(story(events).slice(8)).toEqual([
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const done = events.find((event) => event.type === 'response.output_item.done' && event.item.type === 'function_call');
    expect(done).toMatchObject({ output_index: 1, item: { name: 'end_call', arguments: '{"farewell":null}', status: 'completed' } });
    const last = events.at(-1);
    expect(last?.type === 'response.completed' && last.response.output.map((item) => item.type)).toEqual(['message', 'function_call']);
  });

  it('fits the helper of the SDK that puts a stream together', async () => {
    const final = await client.responses.stream(request).finalResponse();
    expect([final.output_text, final.status, final.usage?.output_tokens]).toEqual(['Hello there. How are you?', 'completed', 5]);
  });

  it('replies in one piece, too', async () => {
    const response = await client.responses.create(request);
    expect([response.output_text, response.model, response.instructions]).toEqual(['Hello there. How are you?', 'gpt-5-mini', 'Be kind.']);
  });

  it('takes a conversation with a function call in it, and refuses one whose call is left open', async () => {
    const call = { type: 'function_call' as const, call_id: 'call_1', name: 'end_call', arguments: '{}' };
    const output = { type: 'function_call_output' as const, call_id: 'call_1', output: 'no such tool' };
    await client.responses.create({ ...request, input: [...request.input, call, output], tools });
    expect(sandbox.replies.at(-1)?.request).toMatchObject({ heard: 'Hi', turn: 1, tools: ['end_call'], afterTool: true });
    const open = await failure(client.responses.create({ ...request, input: [...request.input, call] }));
    expect([open.status, open.message]).toEqual([400, expect.stringContaining('No tool output found')]);
    const lone = await failure(client.responses.create({ ...request, input: [...request.input, output] }));
    expect([lone.status, lone.message]).toEqual([400, expect.stringContaining('No tool call found')]);
  });

  it('knows its models and its key', async () => {
    expect((await client.models.retrieve('gpt-5-mini')).id).toBe('gpt-5-mini');
    expect(await failure(client.models.retrieve('gpt-0'))).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(await failure(client.responses.create({ ...request, model: 'gpt-0' }))).toMatchObject({ status: 404 });
    expect(await failure(clientWith('wrong').responses.create(request))).toMatchObject({ status: 401, code: 'invalid_api_key' });
    expect((await failure(clientWith('wrong').models.retrieve('gpt-5-mini'))).requestID).toMatch(/^req_/);
  });

  it('says what is missing', async () => {
    const response = await fetch(`${sandbox.baseUrl}/responses`, {
      method: 'POST',
      headers: { authorization: 'Bearer right', 'content-type': 'application/json' },
      body: '{"model":"gpt-5-mini"}',
    });
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param: 'input' } }]);
  });

  it('says no in every way the real one has', async () => {
    for (const [name, fault] of Object.entries(openAiErrors)) {
      if (fault.kind !== 'status') continue;
      sandbox.faults.set(fault);
      expect([name, (await failure(client.responses.create({ ...request, stream: true }))).status]).toEqual([name, fault.status]);
    }
    sandbox.faults.set(openAiErrors.insufficientQuota429);
    expect(await failure(client.responses.create(request))).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota' });
    sandbox.faults.set(openAiErrors.rateLimit429);
    const limited = await failure(client.responses.create(request));
    expect([limited.code, limited.headers?.get('retry-after')]).toEqual(['rate_limit_exceeded', '1']);
  });

  it('goes wrong in the middle of a stream: an error flat or nested, failed, incomplete, or just over', async () => {
    sandbox.faults.set(openAiErrors.streamErrorFlat);
    expect(await failure(stream())).toMatchObject({ status: undefined, code: 'server_error' });
    sandbox.faults.set(openAiErrors.streamErrorNested);
    expect(await failure(stream())).toMatchObject({ status: undefined });
    sandbox.faults.set(openAiErrors.responseFailed);
    expect((await stream()).at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    });
    sandbox.faults.set(openAiErrors.responseIncomplete);
    expect((await stream()).at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { incomplete_details: { reason: 'max_output_tokens' } },
    });
    sandbox.faults.set(openAiErrors.earlyQuietEnd);
    expect((await stream()).at(-1)?.type).toBe('response.output_text.delta');
    sandbox.faults.set({ kind: 'truncate', afterBytes: 3000 });
    expect((await stream()).at(-1)?.type).not.toBe('response.completed');
  });
});

describe('the voice of the sandbox, asked by the real SDK', () => {
  const asked = { model: 'gpt-5-mini', voice: 'alloy', input: 'Hello, this is Anna.', response_format: 'pcm' as const };

  it('speaks raw sound of 24,000 Hz, word for word', async () => {
    const response = await client.audio.speech.create(asked);
    const words = createListener(24_000).push(Buffer.from(await response.arrayBuffer()));
    expect([response.headers.get('content-type'), words.map(({ text }) => text).join(' ')]).toEqual(['audio/pcm', asked.input]);
    expect(sandbox.spoken).toEqual([asked.input]);
  });

  it('refuses a voice, a format and a model that it does not have, and a text that is too long', async () => {
    const refusals: [object, number][] = [
      [{ voice: 'rachel' }, 400],
      [{ response_format: 'mp3' }, 400],
      [{ input: 'x'.repeat(4097) }, 400],
      [{ model: 'gpt-9' }, 404],
    ];
    for (const [change, status] of refusals) {
      expect((await failure(client.audio.speech.create({ ...asked, ...change }))).status).toBe(status);
    }
    expect((await failure(clientWith('wrong').audio.speech.create(asked))).status).toBe(401);
    expect(sandbox.spoken).toEqual([]);
  });
});
