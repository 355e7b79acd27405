import { randomUUID } from 'node:crypto';
import type { Fault } from '../faults.ts';

/** Every error message of the realtime transcription socket. */
export const SCRIBE_ERRORS = [
  'error',
  'auth_error',
  'quota_exceeded',
  'commit_throttled',
  'transcriber_error',
  'unaccepted_terms',
  'rate_limited',
  'input_error',
  'invalid_request',
  'queue_overflow',
  'resource_exhausted',
  'session_time_limit_exceeded',
  'chunk_size_exceeded',
  'insufficient_audio_activity',
] as const;
export type ScribeErrorType = (typeof SCRIBE_ERRORS)[number];

interface Detail {
  type: string;
  code: string;
  message: string;
  /** The older name for the code, still sent. */
  status?: string;
}

export function errorBody({ type, code, message, status = code }: Detail): { detail: Record<string, unknown> } {
  return { detail: { type, code, message, status, request_id: randomUUID().replaceAll('-', ''), param: null } };
}

const refuse = (status: number, detail: Detail): Extract<Fault, { kind: 'status' }> => ({
  kind: 'status',
  status,
  body: errorBody(detail),
});

const scribe = (type: ScribeErrorType, error: string): Fault => ({ kind: 'lie', body: JSON.stringify({ message_type: type, error }) });

const speech = (error: string, message: string): Fault => ({ kind: 'lie', body: JSON.stringify({ message, error, code: 1008 }) });

/** What ElevenLabs says when it doesn't do what was asked, as faults to set. The bodies were seen on the live service or stand in its documents. */
export const elevenLabsErrors = {
  /** The live service's way of saying that the credits are spent: the status of a bad key, another body. */
  quotaExceeded401: {
    kind: 'status',
    status: 401,
    body: {
      detail: {
        status: 'quota_exceeded',
        message: 'This request exceeds your quota of 10000. You have 0 credits remaining, while 42 credits are required for this request.',
      },
    },
  },
  /** The documented way of saying it. */
  insufficientCredits402: refuse(402, {
    type: 'payment_required',
    code: 'insufficient_credits',
    message: 'You have insufficient credits for this request.',
  }),
  invalidApiKey401: refuse(401, {
    type: 'authentication_error',
    code: 'unauthorized',
    status: 'invalid_api_key',
    message: 'Invalid API key',
  }),
  missingApiKey401: refuse(401, {
    type: 'authentication_error',
    code: 'unauthorized',
    status: 'needs_authorization',
    message: 'Neither authorization header nor xi-api-key received, please provide one.',
  }),
  /** The key is good for speech, not for this. */
  missingPermission401: {
    kind: 'status',
    status: 401,
    body: {
      detail: {
        status: 'missing_permissions',
        message: 'The API key you used is missing the permission user_read to execute this operation.',
      },
    },
  },
  voiceNotFound404: refuse(404, { type: 'not_found', code: 'voice_not_found', message: 'A voice with that voice_id was not found.' }),
  badOutputFormat400: refuse(400, {
    type: 'invalid_request',
    code: 'invalid_output_format',
    message: 'The given output_format is not supported.',
  }),
  validation422: {
    kind: 'status',
    status: 422,
    body: { detail: [{ type: 'missing', loc: ['body', 'text'], msg: 'Field required', input: {} }] },
  },
  /** Our own doing: too many at a time. */
  concurrentLimit429: refuse(429, {
    type: 'rate_limit_error',
    code: 'concurrent_limit_exceeded',
    status: 'too_many_concurrent_requests',
    message: 'Too many concurrent requests. Your current subscription is associated with a maximum of 10 concurrent requests.',
  }),
  rateLimit429: refuse(429, { type: 'rate_limit_error', code: 'rate_limit_exceeded', message: 'Rate limit exceeded.' }),
  /** Theirs. */
  systemBusy429: refuse(429, {
    type: 'rate_limit_error',
    code: 'system_busy',
    message: 'Our service is experiencing high traffic. Try again.',
  }),
  serverError500: refuse(500, { type: 'internal_error', code: 'internal_server_error', message: 'Something went wrong.' }),
  unavailable503: refuse(503, { type: 'service_unavailable', code: 'service_unavailable', message: 'The service is unavailable.' }),
  maintenance503: refuse(503, { type: 'service_unavailable', code: 'maintenance', message: 'The service is under maintenance.' }),
  /** What a proxy in between says. */
  html503: { kind: 'status', status: 503, body: '<html><head><title>503 Service Temporarily Unavailable</title></head></html>' },
  /** On the transcription socket: the message, then the close. */
  scribeAuthError: scribe('auth_error', 'You must be authenticated to use this endpoint.'),
  scribeQuotaExceeded: scribe('quota_exceeded', 'You have exceeded your quota.'),
  scribeRateLimited: scribe('rate_limited', 'Rate limited.'),
  scribeResourceExhausted: scribe('resource_exhausted', 'A capacity limit was reached.'),
  scribeTranscriberError: scribe('transcriber_error', 'The transcriber failed.'),
  scribeQueueOverflow: scribe('queue_overflow', 'The queue is full.'),
  /** On the text-to-speech socket: the same. */
  speechInvalidApiKey: speech('invalid_api_key', 'Invalid API key'),
  speechQuotaExceeded: speech('quota_exceeded', 'This request exceeds your quota of 10000.'),
  speechVoiceUnknown: speech('voice_id_does_not_exist', 'A voice with this voice_id does not exist.'),
  speechConcurrentLimit: speech('too_many_concurrent_requests', 'Too many concurrent requests.'),
  speechSystemBusy: speech('system_busy', 'Our service is experiencing high traffic.'),
  speechInputTimeout: speech('input_timeout_exceeded', 'Have not received a new text input within the timeout of 20 seconds.'),
} as const satisfies Record<string, Fault>;
