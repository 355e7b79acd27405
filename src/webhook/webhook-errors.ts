import type { ErrorTable } from '../error-classification/error-table.ts';

/** Somebody's webhook endpoint. Only 2xx is success. https://www.standardwebhooks.com. @param settings what the names of its settings begin with */
export const webhookErrors = (settings: string): ErrorTable => ({
  label: 'The webhook',
  shape: { status: ['status'], code: [], detail: [], headers: ['headers'] },
  rules: [
    {
      code: ['private-address'],
      category: 'permanent',
      hint: `If an address in your own network is meant, set ${settings}_ALLOW_PRIVATE=yes.`,
    },
    {
      status: [300, 301, 302, 303, 304, 305, 307, 308],
      category: 'permanent',
      hint: `Redirects are not followed: put the final address into ${settings}_URL.`,
    },
    { status: [410], category: 'permanent', hint: `The endpoint says that it is gone: change or remove ${settings}_URL.` },
    { status: [401, 403], category: 'auth', hint: `The endpoint did not accept the signature: check ${settings}_SECRET on both sides.` },
    {
      status: [400, 411, 413, 415, 422, 431],
      category: 'permanent',
      hint: `The endpoint refuses the delivery: check ${settings}_URL and what it expects.`,
    },
    // While an endpoint is being deployed it isn't there, or isn't finished: unlike our own services it deserves another look.
    { status: [404, 405, 406, 409], category: 'transient', hint: `Check ${settings}_URL if this goes on; it will be tried again.` },
  ],
});
