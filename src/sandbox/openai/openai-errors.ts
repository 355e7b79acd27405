import type { Fault } from '../faults.ts';
import { createResponseWriter, type SseEvent } from './response-events.ts';

interface OpenAiError {
  message: string;
  type: string;
  code: string | null;
  param?: string | null;
}

export function errorBody({ message, type, code, param = null }: OpenAiError): { error: Required<OpenAiError> } {
  return { error: { message, type, param, code } };
}

type StatusFault = Extract<Fault, { kind: 'status' }>;

function refuse(status: number, error: OpenAiError, headers?: Record<string, string>): StatusFault {
  return { kind: 'status', status, body: errorBody(error), ...(headers && { headers }) };
}

/** A stream that begins well: status 200, some words, and then `end`. */
function brokenStream(end: (writer: ReturnType<typeof createResponseWriter>) => SseEvent[]): Fault {
  const writer = createResponseWriter({ model: 'gpt-5-mini' });
  const events = [...writer.start(), ...writer.beginText(), ...writer.textDelta('I am calling '), ...end(writer)];
  return { kind: 'lie', contentType: 'text/event-stream', body: events.map(toSse).join('') };
}

export function toSse({ event, data }: SseEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

const quota = (code: string, message: string) => refuse(429, { type: 'insufficient_quota', code, message });

/** What OpenAI says when it doesn't do what was asked, as faults to set. */
export const openAiErrors = {
  invalidApiKey401: refuse(401, {
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    message: 'Incorrect API key provided. You can find your API key in your account settings.',
  }),
  unsupportedCountry403: refuse(403, {
    type: 'request_forbidden',
    code: 'unsupported_country_region_territory',
    message: 'Country, region, or territory not supported',
  }),
  modelNotFound404: refuse(404, {
    type: 'invalid_request_error',
    code: 'model_not_found',
    message: 'The requested model does not exist or you do not have access to it.',
  }),
  contextLength400: refuse(400, {
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
    param: 'input',
    message: 'Your input exceeds the context window of this model.',
  }),
  /** Goes away by waiting. */
  rateLimit429: refuse(
    429,
    { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached for requests per min. Please try again in 120ms.' },
    {
      'retry-after': '1',
      'retry-after-ms': '120',
      'x-ratelimit-limit-requests': '500',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '120ms',
    },
  ),
  slowDown429: refuse(429, { type: 'rate_limit_error', code: 'slow_down', message: 'Please reduce your request rate.' }),
  /** Doesn't: somebody has to pay. */
  insufficientQuota429: quota('insufficient_quota', 'You exceeded your current quota, please check your plan and billing details.'),
  creditBalanceExhausted429: quota('credit_balance_exhausted', 'Your credit balance is exhausted.'),
  projectSpendLimit429: quota('project_spend_limit_exceeded', 'This project has reached its spend limit.'),
  serverError500: refuse(500, { type: 'server_error', code: null, message: 'The server had an error while processing your request.' }),
  overloaded503: refuse(503, {
    type: 'service_unavailable_error',
    code: 'server_is_overloaded',
    message: 'The engine is currently overloaded, please try again later.',
  }),
  html502: { kind: 'status', status: 502, body: '<html><head><title>502 Bad Gateway</title></head></html>' },
  /** From here on the status is 200, and the stream goes wrong. */
  streamErrorFlat: brokenStream((writer) => [
    writer.event('error', { code: 'server_error', message: 'The server had an error while processing your request.', param: null }),
  ]),
  streamErrorNested: brokenStream((writer) => [
    writer.event('error', errorBody({ type: 'server_error', code: 'server_error', message: 'The server had an error.' })),
  ]),
  responseFailed: brokenStream((writer) => writer.fail({ code: 'server_error', message: 'The model failed to generate a response.' })),
  responseIncomplete: brokenStream((writer) => writer.incomplete('max_output_tokens')),
  /** No word about the end, and a clean end of stream. */
  earlyQuietEnd: brokenStream(() => []),
} as const satisfies Record<string, Fault>;
