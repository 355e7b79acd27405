import { randomUUID } from 'node:crypto';
import type { Fault } from '../faults.ts';

interface HubSpotError {
  message: string;
  category: string;
  [field: string]: unknown;
}

export function errorBody(error: HubSpotError): Record<string, unknown> {
  return { status: 'error', ...error, correlationId: randomUUID() };
}

type StatusFault = Extract<Fault, { kind: 'status' }>;

function refuse(status: number, error: HubSpotError, headers?: Record<string, string>): StatusFault {
  return { kind: 'status', status, body: errorBody(error), ...(headers && { headers }) };
}

const tooMany = (policyName: string, message: string) =>
  refuse(429, { errorType: 'RATE_LIMIT', policyName, message, category: 'RATE_LIMITS' });

/** What HubSpot says when it doesn't do what was asked, as faults to set. */
export const hubSpotErrors = {
  /** The day's requests are spent; they come back at midnight, in the account's time zone. */
  daily429: tooMany('DAILY', 'You have reached your daily limit.'),
  tenSecondly429: tooMany('TEN_SECONDLY_ROLLING', 'You have reached your ten_secondly_rolling limit.'),
  /** The search has a limit of its own, and says less. */
  search429: refuse(429, { message: 'You have reached your secondly limit.', category: 'RATE_LIMITS' }),
  invalidToken401: refuse(401, {
    message: 'Authentication credentials not found. This API supports OAuth 2.0 authentication.',
    category: 'INVALID_AUTHENTICATION',
  }),
  missingScopes403: refuse(403, {
    message: 'This app has not been granted all required scopes to make this call.',
    category: 'MISSING_SCOPES',
    errors: [
      { message: 'One or more of the following scopes are required.', context: { requiredGranularScopes: ['crm.objects.contacts.read'] } },
    ],
  }),
  notFound404: refuse(404, { message: 'resource not found', category: 'OBJECT_NOT_FOUND' }),
  duplicate409: refuse(409, { message: 'An object with this unique value already exists.', category: 'CONFLICT' }),
  locked423: refuse(423, { message: 'The record is locked. Try again after a moment.', category: 'LOCKED' }, { 'retry-after': '2' }),
  migration477: refuse(477, { message: 'The account is being moved.', category: 'MIGRATION_IN_PROGRESS' }, { 'retry-after': '60' }),
  serverError500: refuse(500, { message: 'internal error', category: 'INTERNAL_ERROR' }),
  unavailable503: refuse(503, { message: 'Service temporarily unavailable.', category: 'SERVICE_UNAVAILABLE' }),
  cloudflare521: { kind: 'status', status: 521, body: '<html><head><title>521: Web server is down</title></head></html>' },
  /** The trap of the double record: it was written, and says that it wasn't. */
  appliedThen502: { kind: 'apply-then-status', status: 502 },
  /** Answered, but the item was refused. */
  partly207: {
    kind: 'status',
    status: 207,
    body: {
      status: 'COMPLETE',
      results: [],
      numErrors: 1,
      errors: [{ status: 'error', category: 'VALIDATION_ERROR', message: 'Property values were not valid', context: {}, links: {} }],
      startedAt: '2026-01-01T00:00:00.000Z',
      completedAt: '2026-01-01T00:00:00.000Z',
    },
  },
} as const satisfies Record<string, Fault>;
