import OpenAI from 'openai';
import type { ResponseInputItem, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { createClassify, fault } from '../error-classification/classify.ts';
import { OPENAI_ERRORS } from './errors/openai.ts';
import type { LanguageModel, ModelEvent, ModelMessage, ModelRequest } from './language-model.ts';
import { createOpenAiClient, probeOpenAiModel } from './openai-client.ts';
import type { Probed } from './probe.ts';
import { createRequestWatch, type RequestWatch } from './request-watch.ts';

export interface OpenAiLanguageModelOptions {
  /** Of its errors and its breaker. Default: openai:language-model. */
  service?: string | undefined;
  /** Whom humans are told of. Default: OpenAI. */
  label?: string | undefined;
  apiKey: string;
  /** Up to and with `/v1`. */
  baseUrl?: string | undefined;
  model: string;
  /** From the request to the first word or the start of a tool call. Milliseconds. */
  deadlineMs: number;
  /** The longest silence between two events. Milliseconds. */
  stallMs: number;
  /** For models that think first. On the phone every bit of it is silence. */
  reasoningEffort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | undefined;
  /** A say on the phone is short; this only stops a runaway. Tokens. */
  maxOutputTokens?: number | undefined;
}

const OPERATION = 'reply';

/** OpenAI's Responses API, streamed. */
export function createOpenAiLanguageModel(options: OpenAiLanguageModelOptions): LanguageModel & Probed {
  const { apiKey, model, service = 'openai:language-model', label = OPENAI_ERRORS.label, deadlineMs, stallMs } = options;
  const classify = createClassify({ service, table: { ...OPENAI_ERRORS, label }, secrets: [apiKey] });
  const client = createOpenAiClient(options);

  return {
    async *respond(request, signal) {
      signal.throwIfAborted();
      const watch = createRequestWatch({ signal, deadlineMs, stallMs, lateCode: 'no-first-chunk' });
      try {
        const stream = await watch.settle(client.responses.create(toRequest(request, options), { signal: watch.signal }));
        yield* readReply(stream, watch);
      } catch (error) {
        signal.throwIfAborted();
        throw classify(error, OPERATION);
      } finally {
        watch.dispose();
      }
    },
    probe: (signal) => probeOpenAiModel({ client, classify, model, deadlineMs, signal }),
  };
}

function toRequest(request: ModelRequest, { model, reasoningEffort, maxOutputTokens }: OpenAiLanguageModelOptions) {
  return {
    model,
    instructions: request.instructions,
    input: request.messages.map(toInputItem),
    tools: request.tools.map((tool) => ({ type: 'function' as const, ...tool, strict: false })),
    stream: true as const,
    // What people say on the phone is not left with the service.
    store: false,
    ...(reasoningEffort === undefined ? {} : { reasoning: { effort: reasoningEffort } }),
    ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
  };
}

function toInputItem(message: ModelMessage): ResponseInputItem {
  switch (message.role) {
    case 'tool-call':
      return { type: 'function_call', call_id: message.callId, name: message.name, arguments: message.arguments };
    case 'tool-result':
      return { type: 'function_call_output', call_id: message.callId, output: message.output };
    default:
      return { role: message.role, content: message.text };
  }
}

/** Ends normally only on `response.completed`: the SDK ends its iteration just as quietly when the stream was cut off. */
async function* readReply(stream: AsyncIterable<ResponseStreamEvent>, watch: RequestWatch): AsyncGenerator<ModelEvent> {
  const events = stream[Symbol.asyncIterator]();
  while (true) {
    const { done, value: event } = await watch.settle(nextEvent(events));
    if (done) throw fault('stream-ended-early', 'the stream ended without saying that the reply is complete');
    switch (event.type) {
      case 'response.completed': {
        const { usage } = event.response;
        if (usage) yield { type: 'usage', inputTokens: usage.input_tokens, outputTokens: usage.output_tokens };
        return;
      }
      case 'response.failed':
        throw failure(event.response.error ?? undefined, 'response-failed');
      case 'response.incomplete':
        throw fault(`incomplete-${event.response.incomplete_details?.reason ?? 'unknown'}`, 'the reply was left incomplete');
      case 'error':
        throw failure(event, 'stream-error');
      case 'response.output_item.added':
        if (event.item.type === 'function_call') watch.started();
        break;
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        watch.started();
        if (event.delta !== '') yield { type: 'text', delta: event.delta };
        break;
      case 'response.output_item.done':
        if (event.item.type === 'function_call') {
          watch.started();
          yield { type: 'tool-call', callId: event.item.call_id, name: event.item.name, arguments: event.item.arguments };
        }
        break;
      default:
      // Progress that says nothing to us. Unknown events are the future's.
    }
  }
}

/** This version of the SDK throws what arrives as an `error` event, without a status; others hand it over like any event. */
async function nextEvent(events: AsyncIterator<ResponseStreamEvent>): Promise<IteratorResult<ResponseStreamEvent>> {
  try {
    return await events.next();
  } catch (error) {
    const reported = error instanceof OpenAI.APIError && !(error instanceof OpenAI.APIConnectionError) && error.status === undefined;
    throw reported ? fault('stream-error', 'the service reported an error inside the stream', error) : error;
  }
}

/** The status was 200: only the code tells what kind of failure it is, and one that we don't know counts as the service's fault. */
function failure(error: { code?: string | null; message?: string | null } | undefined, otherwise: string): Error {
  const reported = Object.assign(new Error(error?.message ?? 'no reason given'), {
    code: error?.code ?? undefined,
    detail: error?.message ?? undefined,
  });
  return fault(otherwise, 'the service reported an error inside the stream', reported);
}
