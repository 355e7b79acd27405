import type { ErrorTable } from '../../error-classification/error-table.ts';

/** HubSpot's CRM. Its errors' `code` is the HTTP status, or an errno. https://developers.hubspot.com/docs/api-reference/error-handling */
export const HUBSPOT_ERRORS: ErrorTable = {
  label: 'HubSpot',
  shape: {
    status: ['code', 'status'],
    // `policyName` tells the two kinds of 429 apart; `category` is the same for both.
    code: ['body.policyName', 'body.category'],
    detail: ['body.message'],
    headers: ['headers'],
  },
  rules: [
    {
      status: [429],
      code: ['DAILY'],
      category: 'quota',
      hint: "The account's requests for today are used up; they come back at midnight in the portal's time zone.",
    },
    // The window's own length; HubSpot doesn't send Retry-After here.
    {
      status: [429],
      code: ['TEN_SECONDLY_ROLLING'],
      category: 'rate-limited',
      retryAfterMs: 10_000,
      hint: 'Too many requests in ten seconds: we slow down.',
    },
    // The search has a bucket of its own, 5 a second for an account, and names no policy.
    {
      status: [429],
      code: ['SECONDLY', 'RATE_LIMITS'],
      category: 'rate-limited',
      retryAfterMs: 1_000,
      hint: 'Too many searches a second: we slow down.',
    },
    { status: [429], category: 'rate-limited', retryAfterMs: 10_000, hint: 'Too many requests: we slow down.' },
    { status: [401], category: 'auth', hint: 'Check HUBSPOT_ACCESS_TOKEN: it may be wrong, expired or withdrawn.' },
    {
      status: [403],
      category: 'auth',
      hint: 'The private app lacks a scope: it needs contacts read, calls read and write, and the schemas to create a property on calls.',
    },
    { status: [423], category: 'transient', retryAfterMs: 2_000, hint: 'The record is locked for a moment.' },
    { status: [477], category: 'transient', hint: 'The account is being moved to another region.' },
    { status: [525, 526], category: 'transient', hint: 'The TLS in front of the service is broken; it will be asked again.' },
    {
      code: ['property-not-unique'],
      category: 'permanent',
      hint: 'It would let one call be recorded twice. Delete or rename it in HubSpot (Settings, Properties, Calls); it is then made anew.',
    },
    { status: [404], category: 'permanent', hint: 'There is no such record (any more).' },
    // Only upserts and idempotent requests are sent: whoever lost the race finds the record on asking again.
    { status: [409], category: 'transient', hint: 'It is being written by someone else; it will be asked again.' },
    { code: ['CONFLICT'], category: 'transient', hint: 'It is being written by someone else; it will be asked again.' },
    // One item of a batch was refused; the request as a whole was answered.
    {
      code: ['VALIDATION_ERROR', 'PROPERTY_DOESNT_EXIST', 'OBJECT_NOT_FOUND'],
      category: 'permanent',
      hint: 'The record was refused as it stands.',
    },
  ],
};
