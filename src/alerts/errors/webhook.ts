import type { ErrorTable } from '../../error-classification/error-table.ts';

const DECLINED = 'The endpoint refuses the delivery: check ALERT_WEBHOOK_URL and what it expects.';

/** Somebody's webhook endpoint. Only 2xx is success. https://www.standardwebhooks.com */
export const WEBHOOK_ERRORS: ErrorTable = {
  label: 'The webhook',
  shape: { status: ['status'], code: [], detail: [], headers: ['headers'] },
  rules: [
    {
      code: ['private-address'],
      category: 'permanent',
      hint: 'If an address in your own network is meant, set ALERT_WEBHOOK_ALLOW_PRIVATE=yes.',
    },
    {
      status: [300, 301, 302, 303, 304, 305, 307, 308],
      category: 'permanent',
      hint: 'Redirects are not followed: put the final address into ALERT_WEBHOOK_URL.',
    },
    { status: [410], category: 'permanent', hint: 'The endpoint says that it is gone: change or remove ALERT_WEBHOOK_URL.' },
    { status: [401, 403], category: 'auth', hint: 'The endpoint did not accept the signature: check ALERT_WEBHOOK_SECRET on both sides.' },
    { status: [400, 411, 413, 415, 422, 431], category: 'permanent', hint: DECLINED },
    // While an endpoint is being deployed it isn't there, or isn't finished: unlike our own services it deserves another look.
    { status: [404, 405, 406, 409], category: 'transient', hint: 'Check ALERT_WEBHOOK_URL if this goes on; it will be tried again.' },
  ],
};
