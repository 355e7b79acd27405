import type { ErrorTable } from '../../error-classification/error-table.ts';

/** Google Sheets, as gaxios reports it. https://cloud.google.com/apis/design/errors, https://developers.google.com/workspace/sheets/api/limits */
export const GOOGLE_SHEETS_ERRORS: ErrorTable = {
  label: 'Google Sheets',
  shape: {
    status: ['status', 'response.status'],
    // `reason` says more than `status`; the second form is the older one.
    code: [
      'response.data.error.details.0.reason',
      'response.data.error.errors.0.reason',
      'response.data.error.status',
      'response.data.error',
    ],
    detail: ['response.data.error.message', 'response.data.error_description'],
    headers: ['response.headers'],
  },
  rules: [
    // 60 writes a minute for a service account, 300 for a project. The window is a minute.
    {
      code: ['RATE_LIMIT_EXCEEDED', 'RESOURCE_EXHAUSTED', 'rateLimitExceeded', 'userRateLimitExceeded', 'quotaExceeded'],
      category: 'rate-limited',
      retryAfterMs: 60_000,
      hint: 'Too many writes in a minute: the rows wait.',
    },
    { status: [429], category: 'rate-limited', retryAfterMs: 60_000, hint: 'Too many writes in a minute: the rows wait.' },
    {
      code: ['SERVICE_DISABLED', 'accessNotConfigured'],
      category: 'auth',
      hint: "Enable the Google Sheets API in the service account's project.",
    },
    {
      code: ['invalid_grant', 'invalid_client'],
      category: 'auth',
      hint: 'The service account was refused: check its key, and the clock of this machine.',
    },
    {
      status: [401],
      category: 'auth',
      hint: 'The service account was refused: check its key, and the clock of this machine.',
    },
    { status: [403], category: 'auth', hint: "Share the spreadsheet with the service account's address, as an editor." },
    { status: [404], category: 'permanent', hint: 'There is no such spreadsheet: check GOOGLE_SHEETS_ID.' },
    {
      status: [400],
      category: 'permanent',
      hint: 'The rows were refused as they stand. A spreadsheet holds 10 million cells at most: when it is full, begin a new one.',
    },
    { status: [409], category: 'transient', hint: 'It will be asked again.' },
    // The key can't be used to sign with.
    {
      code: ['ERR_OSSL_UNSUPPORTED', 'ERR_OSSL_PEM_NO_START_LINE'],
      category: 'auth',
      hint: 'The private key of the service account is damaged.',
    },
  ],
};
