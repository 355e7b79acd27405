import type { ErrorTable } from '../../error-classification/error-table.ts';

/**
 * Deepgram over HTTP, in a refused handshake (whose reason also stands in a header) and on its websockets, where the reason of a close
 * begins with a code (`NET-0001`). https://developers.deepgram.com/docs/errors
 */
export const DEEPGRAM_ERRORS: ErrorTable = {
  label: 'Deepgram',
  shape: {
    status: ['statusCode'],
    code: ['body.err_code', 'body.code'],
    detail: ['body.err_msg', 'body.description', 'headers.dg-error'],
    headers: ['headers'],
  },
  rules: [
    {
      status: [402],
      category: 'quota',
      hint: "The account's credit is used up: add credit at console.deepgram.com.",
    },
    { code: ['ASR_PAYMENT_REQUIRED'], category: 'quota', hint: "The account's credit is used up: add credit at console.deepgram.com." },
    { status: [401, 403], category: 'auth', hint: 'Check DEEPGRAM_API_KEY and what it may do.' },
    {
      status: [429],
      category: 'rate-limited',
      hint: 'More sessions at once than the plan allows: lower CALL_CONCURRENCY or raise the plan.',
    },
    { code: ['unsupported-language'], category: 'permanent', hint: 'Set DEEPGRAM_MODEL to nova-3 or flux-general-multi.' },
    {
      status: [400, 404, 422],
      category: 'permanent',
      hint: 'The session was refused as it was asked for: check DEEPGRAM_MODEL and the language.',
    },
    // Nothing was sent for too long. The session is over; the service is well.
    { code: ['NET-0001'], category: 'permanent', as: 'session-idle', hint: 'A new session is needed.' },
    { code: ['DATA-0000'], category: 'permanent', hint: 'The service could not read the audio.' },
    { code: ['UNPARSABLE_CLIENT_MESSAGE'], category: 'permanent', hint: 'The service objected to what we sent.' },
    // An error message that no line above knows is the service's fault.
    {
      code: ['NET-0000', 'INTERNAL_SERVER_ERROR', 'service-error'],
      category: 'transient',
      hint: 'The service is in trouble; it will be asked again.',
    },
  ],
};
