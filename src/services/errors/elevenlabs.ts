import type { ErrorRule, ErrorTable } from '../../error-classification/error-table.ts';

const TOP_UP = "The account's credits are used up: buy more, raise the limit, or wait for the next period.";

/** What the account lacks, over HTTP and both websockets. Out of credits comes as 401 in the wild and as 402 in the documentation, so it stands before "401 is a bad key". */
export const ELEVENLABS_ACCOUNT_RULES: readonly ErrorRule[] = [
  { code: ['quota_exceeded', 'insufficient_credits', 'payment_required'], category: 'quota', hint: TOP_UP },
  { status: [402], category: 'quota', hint: TOP_UP },
  {
    code: ['missing_permissions', 'missing_permission'],
    category: 'auth',
    as: 'missing_permissions',
    hint: 'The key is good but restricted: give it this permission at elevenlabs.io.',
  },
  {
    code: ['subscription_required', 'feature_not_available', 'only_for_creator+'],
    category: 'permanent',
    hint: "The account's plan does not allow this voice, model or format.",
  },
];

/**
 * ElevenLabs over HTTP. The body's `detail` carries `code` since 2026 and `status` before; both are still seen.
 * https://elevenlabs.io/docs/eleven-api/resources/errors
 */
export const ELEVENLABS_ERRORS: ErrorTable = {
  label: 'ElevenLabs',
  shape: {
    status: ['statusCode'],
    code: ['body.detail.code', 'body.detail.status', 'body.detail.type'],
    detail: ['body.detail.message', 'body.detail.0.msg'],
    headers: ['rawResponse.headers', 'headers'],
  },
  rules: [
    ...ELEVENLABS_ACCOUNT_RULES,
    // GET /v1/models without a key answers 404 with this.
    { code: ['workspace_not_found'], category: 'auth', hint: 'Check ELEVENLABS_API_KEY.' },
    { status: [401], category: 'auth', hint: 'Check ELEVENLABS_API_KEY.' },
    { status: [403], category: 'permanent', hint: 'The account may not use this voice or model.' },
    { status: [404], category: 'permanent', hint: "Check the campaign's voice and the model." },
    {
      status: [422],
      category: 'permanent',
      as: 'invalid_request',
      hint: 'The request was not understood: check voice, model and language.',
    },
    {
      status: [409],
      code: ['concurrent_modification', 'already_running', 'already_processing'],
      category: 'transient',
      hint: 'It will be asked again.',
    },
    { status: [429], code: ['system_busy'], category: 'transient', hint: 'The service itself is overloaded.' },
    {
      status: [429],
      code: ['concurrent_limit_exceeded', 'too_many_concurrent_requests'],
      category: 'rate-limited',
      hint: 'More requests at once than the plan allows: lower CALL_CONCURRENCY or raise the plan.',
    },
  ],
};
