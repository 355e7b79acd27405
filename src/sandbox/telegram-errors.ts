import type { Fault } from './faults.ts';

type StatusFault = Extract<Fault, { kind: 'status' }>;

/** Telegram answers every refusal with its status once more in the body. */
function refuse(status: number, description: string, parameters?: Record<string, number>): StatusFault {
  return { kind: 'status', status, body: { ok: false, error_code: status, description, ...(parameters && { parameters }) } };
}

/** What Telegram says when it doesn't send a message, as faults to set. https://core.telegram.org/bots/api#responseparameters */
export const telegramErrors = {
  /** Flood control. The seconds are meant exactly. */
  tooMany429: refuse(429, 'Too Many Requests: retry after 2', { retry_after: 2 }),
  unauthorized401: refuse(401, 'Unauthorized'),
  /** A token that doesn't even look like one. */
  notFound404: refuse(404, 'Not Found'),
  blocked403: refuse(403, 'Forbidden: bot was blocked by the user'),
  chatNotFound400: refuse(400, 'Bad Request: chat not found'),
  unavailable503: { kind: 'status', status: 503, body: '<html><body>503 Service Unavailable</body></html>' },
} as const satisfies Record<string, Fault>;
