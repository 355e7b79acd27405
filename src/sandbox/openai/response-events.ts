import { randomUUID } from 'node:crypto';

export interface SseEvent {
  event: string;
  data: Record<string, unknown>;
}

/** One reply of the Responses API, event by event, in the order of the real one. */
export interface ResponseWriter {
  event(type: string, fields: Record<string, unknown>): SseEvent;
  start(): SseEvent[];
  beginText(): SseEvent[];
  textDelta(delta: string): SseEvent[];
  endText(): SseEvent[];
  toolCall(call: { name: string; arguments: string }): SseEvent[];
  complete(): SseEvent[];
  fail(error: { code: string; message: string }): SseEvent[];
  incomplete(reason: string): SseEvent[];
  /** The whole reply, as it stands. */
  response(): Record<string, unknown>;
}

/** What of the request comes back in the reply. */
export interface ResponseEcho {
  model: string;
  instructions?: string | null | undefined;
  tools?: unknown[] | undefined;
  store?: boolean | null | undefined;
  inputTokens?: number;
}

const id = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;

export function createResponseWriter(echo: ResponseEcho): ResponseWriter {
  const output: Record<string, unknown>[] = [];
  let sequence = 0;
  let text = '';
  let itemId = '';
  let outputTokens = 0;
  let state: Record<string, unknown> = { status: 'in_progress' };
  const base = describeResponse(echo);
  const response = () => ({ ...base, ...state, output: structuredClone(output) });
  const event = (type: string, fields: Record<string, unknown>): SseEvent => ({
    event: type,
    data: { type, ...fields, sequence_number: sequence++ },
  });
  const ofItem = (fields: Record<string, unknown>) => ({ item_id: itemId, output_index: output.length, ...fields });
  const ofPart = (fields: Record<string, unknown>) => ofItem({ content_index: 0, ...fields });
  const part = () => ({ type: 'output_text', text, annotations: [], logprobs: [] });
  const message = (status: string, content: unknown[]) => ({ id: itemId, type: 'message', status, role: 'assistant', content });
  const end = (type: string, fields: Record<string, unknown>) => {
    state = { ...state, ...fields };
    return [event(type, { response: response() })];
  };

  return {
    event,
    response,
    start: () => [event('response.created', { response: response() }), event('response.in_progress', { response: response() })],
    beginText() {
      itemId = id('msg');
      text = '';
      return [
        event('response.output_item.added', { output_index: output.length, item: message('in_progress', []) }),
        event('response.content_part.added', ofPart({ part: part() })),
      ];
    },
    textDelta(delta) {
      text += delta;
      outputTokens++;
      return [event('response.output_text.delta', ofPart({ delta, logprobs: [] }))];
    },
    endText() {
      const item = message('completed', [part()]);
      const events = [
        event('response.output_text.done', ofPart({ text, logprobs: [] })),
        event('response.content_part.done', ofPart({ part: part() })),
        event('response.output_item.done', { output_index: output.length, item }),
      ];
      output.push(item);
      return events;
    },
    toolCall({ name, arguments: json }) {
      itemId = id('fc');
      const item = { id: itemId, type: 'function_call', call_id: id('call'), name };
      const half = Math.ceil(json.length / 2);
      const deltas = [json.slice(0, half), json.slice(half)].filter(Boolean);
      outputTokens += 8;
      const done = { ...item, status: 'completed', arguments: json };
      const events = [
        event('response.output_item.added', { output_index: output.length, item: { ...item, status: 'in_progress', arguments: '' } }),
        ...deltas.map((delta) => event('response.function_call_arguments.delta', ofItem({ delta }))),
        event('response.function_call_arguments.done', ofItem({ name, arguments: json })),
        event('response.output_item.done', { output_index: output.length, item: done }),
      ];
      output.push(done);
      return events;
    },
    complete: () =>
      end('response.completed', {
        status: 'completed',
        completed_at: Math.floor(Date.now() / 1000),
        usage: usageOf(echo.inputTokens ?? 1, outputTokens),
      }),
    fail: (error) => end('response.failed', { status: 'failed', error }),
    incomplete: (reason) => end('response.incomplete', { status: 'incomplete', incomplete_details: { reason } }),
  };
}

function describeResponse({ model, instructions = null, tools = [], store = true }: ResponseEcho): Record<string, unknown> {
  return {
    id: id('resp'),
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions,
    max_output_tokens: null,
    metadata: {},
    model,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools,
    top_p: 1,
    truncation: 'disabled',
    usage: null,
  };
}

function usageOf(input: number, output: number): Record<string, unknown> {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + output,
  };
}
