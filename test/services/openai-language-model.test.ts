import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelEvent } from '../../src/services/language-model.ts';
import { createOpenAiLanguageModel } from '../../src/services/openai-language-model.ts';
import { endAfter, event, json, type ScriptedServer, stallAfter, startScriptedServer } from './scripted-server.ts';
import { collect, failureOf } from './settled.ts';

const API_KEY = 'sk-proj-0123456789abcdef';
const SSE = 'text/event-stream';
const ASK = { instructions: 'Be brief.', messages: [{ role: 'user' as const, text: 'Hello?' }], tools: [] };

const text = (delta: string) => event({ type: 'response.output_text.delta', delta, item_id: 'm1', output_index: 0, content_index: 0 });
const created = event({ type: 'response.created', response: { id: 'r1', status: 'in_progress' } });
const completed = event({ type: 'response.completed', response: { id: 'r1', status: 'completed', output: [] } });
const failed = (error: unknown) => event({ type: 'response.failed', response: { id: 'r1', status: 'failed', error } });

describe('OpenAI language model', () => {
  let server: ScriptedServer;
  beforeEach(async () => {
    server = await startScriptedServer();
  });
  afterEach(() => server.close());

  const create = ({ deadlineMs = 5_000, stallMs = 5_000 } = {}) =>
    createOpenAiLanguageModel({ apiKey: API_KEY, baseUrl: `${server.url}/v1`, model: 'gpt-5.4-mini', deadlineMs, stallMs });
  const respond = (options = {}, signal = new AbortController().signal) => create(options).respond(ASK, signal);

  it('streams the words of a reply', async () => {
    server.answer = endAfter(created + text('Good ') + text('morning.') + completed, SSE);
    expect(await collect(respond())).toEqual([
      { type: 'text', delta: 'Good ' },
      { type: 'text', delta: 'morning.' },
    ]);
    expect(server.requests[0]?.url).toBe('/v1/responses');
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      model: 'gpt-5.4-mini',
      instructions: 'Be brief.',
      input: [{ role: 'user', content: 'Hello?' }],
      tools: [],
      stream: true,
      store: false,
    });
  });

  it('hands over tool calls, and tells the model what came of them', async () => {
    const item = { type: 'function_call', id: 'f1', call_id: 'c1', name: 'end_call', arguments: '{"why":"done"}' };
    server.answer = endAfter(
      created +
        event({ type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } }) +
        event({ type: 'response.output_item.done', output_index: 0, item }) +
        completed,
      SSE,
    );
    const request = {
      instructions: 'Be brief.',
      messages: [
        { role: 'user' as const, text: 'Goodbye.' },
        { role: 'tool-call' as const, callId: 'c0', name: 'note', arguments: '{}' },
        { role: 'tool-result' as const, callId: 'c0', output: 'noted' },
      ],
      tools: [{ name: 'end_call', description: 'Hang up.', parameters: { type: 'object', properties: {} } }],
    };
    expect(await collect(create().respond(request, new AbortController().signal))).toEqual([
      { type: 'tool-call', callId: 'c1', name: 'end_call', arguments: '{"why":"done"}' },
    ]);
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
      input: [
        { role: 'user', content: 'Goodbye.' },
        { type: 'function_call', call_id: 'c0', name: 'note', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c0', output: 'noted' },
      ],
      tools: [
        { type: 'function', name: 'end_call', description: 'Hang up.', parameters: { type: 'object', properties: {} }, strict: false },
      ],
    });
  });

  it.each([
    {
      name: 'no credit',
      status: 429,
      error: { type: 'insufficient_quota', code: 'credit_balance_exhausted' },
      code: 'credit_balance_exhausted',
      category: 'quota',
    },
    {
      name: 'no credit, told by the type alone',
      status: 429,
      error: { type: 'insufficient_quota', code: null },
      code: 'insufficient_quota',
      category: 'quota',
    },
    {
      name: 'too many requests',
      status: 429,
      error: { type: 'requests', code: 'rate_limit_exceeded' },
      code: 'rate_limit_exceeded',
      category: 'rate-limited',
    },
    {
      name: 'a bad key',
      status: 401,
      error: { type: 'invalid_request_error', code: 'invalid_api_key', message: `Incorrect API key provided: ${API_KEY}.` },
      code: 'invalid_api_key',
      category: 'auth',
    },
    {
      name: 'a model that is not there',
      status: 404,
      error: { type: 'invalid_request_error', code: 'model_not_found' },
      code: 'model_not_found',
      category: 'permanent',
    },
    {
      name: 'an overloaded service',
      status: 503,
      error: { type: 'service_unavailable_error', code: 'server_is_overloaded' },
      code: 'server_is_overloaded',
      category: 'transient',
    },
    {
      name: 'a prompt that is too long',
      status: 400,
      error: { type: 'invalid_request_error', code: 'context_length_exceeded' },
      code: 'context_length_exceeded',
      category: 'permanent',
    },
    ...[
      { status: 400, said: 'billing_hard_limit_reached', category: 'quota' },
      { status: 403, said: 'billing_not_active', category: 'quota' },
      { status: 429, said: 'slow_down', category: 'rate-limited' },
      { status: 503, said: 'slow_down', category: 'rate-limited' },
      { status: 403, said: 'unsupported_country_region_territory', category: 'auth' },
      { status: 408, said: 'timeout', category: 'transient' },
      { status: 409, said: 'conflict', category: 'transient' },
      { status: 413, said: 'too_large', category: 'permanent' },
      { status: 422, said: 'unprocessable', category: 'permanent' },
      { status: 500, said: 'server_error', category: 'transient' },
      { status: 529, said: 'overloaded', category: 'transient' },
    ].map(({ status, said, category }) => ({ name: `${status} ${said}`, status, error: { type: 'x', code: said }, code: said, category })),
  ])('tells $name', async ({ status, error, code, category }) => {
    server.answer = json(status, { error: { message: 'no', param: null, ...error } }, status === 429 ? { 'retry-after': '3' } : {});
    const failure = await failureOf(collect(respond()));
    expect(failure).toMatchObject({ service: 'openai:language-model', code, category, status });
    expect(failure.retryAfterMs).toBe(status === 429 ? 3000 : code === 'slow_down' ? 15_000 : undefined);
    expect(server.requests).toHaveLength(1);
    expect(JSON.stringify([failure.message, String(failure.cause), failure.stack])).not.toContain(API_KEY);
  });

  it.each([
    { name: 'ends quietly in the middle', body: created + text('Good '), code: 'stream-ended-early', category: 'transient' },
    {
      name: 'reports a failed response',
      body: failed({ code: 'server_error', message: 'oops' }),
      code: 'server_error',
      category: 'transient',
    },
    { name: 'fails without saying why', body: failed(null), code: 'response-failed', category: 'transient' },
    {
      name: 'fails with a word that is new to us',
      body: failed({ code: 'gremlins', message: '!' }),
      code: 'response-failed',
      category: 'transient',
    },
    { name: 'refuses the prompt', body: failed({ code: 'invalid_prompt', message: 'no' }), code: 'invalid_prompt', category: 'permanent' },
    {
      name: 'runs into its rate limit',
      body: failed({ code: 'rate_limit_exceeded', message: 'no' }),
      code: 'rate_limit_exceeded',
      category: 'rate-limited',
    },
    {
      name: 'is cut at the token limit',
      body: event({ type: 'response.incomplete', response: { id: 'r1', incomplete_details: { reason: 'max_output_tokens' } } }),
      code: 'incomplete-max_output_tokens',
      category: 'permanent',
    },
    {
      name: 'carries a flat error',
      body: created + event({ type: 'error', code: 'server_error', message: 'oops', param: null, sequence_number: 2 }),
      code: 'server_error',
      category: 'transient',
    },
    {
      name: 'carries a nested error',
      body: created + event({ type: 'error', error: { code: 'credit_balance_exhausted', type: 'insufficient_quota', message: 'oops' } }),
      code: 'credit_balance_exhausted',
      category: 'quota',
    },
    {
      name: 'carries an error that is new to us',
      body: created + event({ type: 'error', code: 'gremlins', message: 'oops', param: null, sequence_number: 2 }),
      code: 'stream-error',
      category: 'transient',
    },
    { name: 'is no stream at all', body: '<html>hello</html>', code: 'stream-ended-early', category: 'transient' },
    { name: 'holds no JSON', body: 'data: {"type":\n\n', code: 'unreadable-answer', category: 'transient' },
  ])('fails when the stream $name', async ({ body, code, category }) => {
    server.answer = endAfter(body, SSE);
    expect(await failureOf(collect(respond()))).toMatchObject({ code, category });
  });

  it('fails when nothing but good will comes within the deadline', async () => {
    server.answer = stallAfter(created, SSE);
    expect(await failureOf(collect(respond({ deadlineMs: 150 })))).toMatchObject({ code: 'no-first-chunk', category: 'transient' });
    await server.abandoned;
  });

  it('fails when the stream falls silent in the middle, having handed over what came', async () => {
    server.answer = stallAfter(created + text('Good '), SSE);
    const heard: ModelEvent[] = [];
    const reply = (async () => {
      for await (const part of respond({ stallMs: 150 })) heard.push(part);
    })();
    expect(await failureOf(reply)).toMatchObject({ code: 'stream-stalled', category: 'transient' });
    expect(heard).toEqual([{ type: 'text', delta: 'Good ' }]);
    await server.abandoned;
  });

  it('stops at once when the call ends, with the reason of the call, not with half a reply', async () => {
    server.answer = stallAfter(created + text('Good '), SSE);
    const call = new AbortController();
    const reason = new Error('the callee hung up');
    const reply = (async () => {
      for await (const _ of respond({}, call.signal)) call.abort(reason);
    })();
    await expect(reply).rejects.toBe(reason);
    await server.abandoned;
  });

  it('is healthy when the key may use the model', async () => {
    server.answer = json(200, { id: 'gpt-5.4-mini', object: 'model' });
    await create().probe(new AbortController().signal);
    expect(server.requests[0]?.url).toBe('/v1/models/gpt-5.4-mini');
    server.answer = json(403, { error: { code: 'permission_denied' } });
    expect(await failureOf(create().probe(new AbortController().signal))).toMatchObject({ category: 'auth' });
  });
});
