import { randomUUID } from 'node:crypto';
import type { Fault } from '../faults.ts';

/** A refusal as HTTP and as a refused handshake, where the reason also stands in a header. */
export function refuse(status: number, code: string, message: string): Extract<Fault, { kind: 'status' }> {
  const requestId = randomUUID();
  return {
    kind: 'status',
    status,
    body: { err_code: code, err_msg: message, request_id: requestId },
    headers: { 'dg-error': message, 'dg-request-id': requestId },
  };
}

/** What Deepgram says when it doesn't do what was asked, as faults to set. */
export const deepgramErrors = {
  invalidAuth401: refuse(401, 'INVALID_AUTH', 'Invalid credentials.'),
  insufficientPermissions403: refuse(403, 'INSUFFICIENT_PERMISSIONS', 'The key may not do this.'),
  paymentRequired402: refuse(402, 'ASR_PAYMENT_REQUIRED', 'Project does not have enough credits for this request.'),
  tooManyRequests429: refuse(429, 'TOO_MANY_REQUESTS', 'Too many requests. Please try again later.'),
  invalidParameter400: refuse(400, 'INVALID_QUERY_PARAMETER', 'Failed to deserialize query parameters.'),
  serverError500: refuse(500, 'INTERNAL_SERVER_ERROR', 'An unexpected error occurred.'),
  unavailable503: refuse(503, 'SERVICE_UNAVAILABLE', 'The service is unavailable.'),
  html502: { kind: 'status', status: 502, body: '<html><head><title>502 Bad Gateway</title></head></html>' },
} as const satisfies Record<string, Fault>;

/** How it closes a socket: the code and the reason, which begins with a code of its own. */
export const DEEPGRAM_CLOSES = {
  undecodable: [1008, 'DATA-0000: The payload cannot be decoded as audio.'],
  serverFault: [1011, 'NET-0000: The service has not transmitted a Text frame to the client within the timeout window.'],
  idle: [1011, 'NET-0001: Deepgram did not receive audio data or a text message within the timeout window.'],
} as const satisfies Record<string, readonly [number, string]>;
export type DeepgramClose = keyof typeof DEEPGRAM_CLOSES;
