import type { ErrorTable } from '../../error-classification/error-table.ts';

/** OpenAI over HTTP and inside its streams, where the status was 200 and only a code tells. https://platform.openai.com/docs/guides/error-codes */
export const OPENAI_ERRORS: ErrorTable = {
  label: 'OpenAI',
  shape: {
    status: ['status'],
    // A 503 carries `server_is_overloaded` in `code`; billing errors may carry nothing but `type`.
    code: ['code', 'type'],
    detail: ['error.message', 'detail'],
    headers: ['headers'],
  },
  rules: [
    // The first kind of 429: no money. Waiting never helps.
    {
      code: [
        'insufficient_quota',
        'credit_balance_exhausted',
        'organization_spend_limit_exceeded',
        'project_spend_limit_exceeded',
        'organization_usage_limit_exceeded',
        'billing_hard_limit_reached',
        'billing_not_active',
      ],
      category: 'quota',
      hint: "The account's credit or spending limit is used up: add credit or raise the limit at platform.openai.com.",
    },
    // The second kind: too fast.
    { code: ['slow_down'], category: 'rate-limited', retryAfterMs: 15_000, hint: 'We grew faster than the service allows.' },
    { status: [429], category: 'rate-limited', hint: "The account's rate limit is reached: lower CALL_CONCURRENCY or raise the limit." },
    {
      code: ['rate_limit_exceeded'],
      category: 'rate-limited',
      hint: "The account's rate limit is reached: lower CALL_CONCURRENCY or raise the limit.",
    },
    { status: [401], category: 'auth', hint: 'Check OPENAI_API_KEY.' },
    { status: [403], category: 'auth', hint: 'The key may not do this from here: check its project, its permissions and the country.' },
    {
      status: [404],
      category: 'permanent',
      hint: 'Check OPENAI_MODEL, OPENAI_SPEECH_MODEL and OPENAI_LISTENING_MODEL: the model may not exist or may not be open to this key.',
    },
    { status: [409], category: 'transient', hint: 'It will be asked again.' },
    {
      code: [
        'invalid_prompt',
        'context_length_exceeded',
        'bio_policy',
        'misalignment_policy_violation',
        'data_residency_mismatch',
        'image_content_policy_violation',
        'invalid_image',
      ],
      category: 'permanent',
      hint: "The request itself was refused: check the campaign's goal and script.",
    },
    // Not an outage: the reply ran into a limit of ours or a filter of theirs.
    {
      code: ['incomplete-max_output_tokens', 'incomplete-max_messages', 'incomplete-content_filter', 'incomplete-steered', 'incomplete'],
      category: 'permanent',
      hint: 'The service stopped the reply before its end.',
    },
    {
      code: ['server_error', 'server_is_overloaded', 'service_unavailable_error'],
      category: 'transient',
      hint: 'The service is in trouble; it will be asked again.',
    },
    {
      code: ['response-failed', 'stream-error'],
      category: 'transient',
      hint: 'The service gave up on this reply; it will be asked again.',
    },
  ],
};
