import type { ErrorTable } from '../../error-classification/error-table.ts';

/**
 * A mail server, as nodemailer tells of it. The reply's number decides: nodemailer's own `code` is EAUTH for a login
 * that is wrong (535) as for one that can't be checked at the moment (454). RFC 5321, 4.2.1; RFC 4954, 6.
 */
export const SMTP_ERRORS: ErrorTable = {
  label: 'The mail server',
  shape: { status: ['responseCode'], code: ['originalCode'], detail: ['response'], headers: [] },
  rules: [
    {
      status: [454],
      category: 'transient',
      as: 'login-unavailable',
      hint: "It can't check the login at the moment; it will be asked again.",
    },
    { status: [530, 534, 535, 538], category: 'auth', hint: 'Check user and password in ALERT_EMAIL_SMTP_URL.' },
    { status: [452], category: 'transient', hint: 'It has no room at the moment; it will be asked again.' },
    {
      status: [421, 450, 451, '4xx'],
      category: 'transient',
      hint: 'It is busy, or makes newcomers wait (greylisting); it will be asked again.',
    },
    // "Bad sequence of commands": this connection is out of step, the next one need not be.
    { status: [503], category: 'transient', hint: 'It will be asked again on a new connection.' },
    { status: [550, 551, 553], category: 'permanent', hint: 'It refuses an address: check ALERT_EMAIL_FROM and ALERT_EMAIL_TO.' },
    { status: [552], category: 'permanent', hint: 'The mailbox is full, or the mail is too large for it.' },
    { status: ['5xx'], category: 'permanent', hint: 'It refuses the mail as it stands.' },
    {
      code: [
        'ETLS',
        'EREQUIRETLS',
        'CERT_HAS_EXPIRED',
        'DEPTH_ZERO_SELF_SIGNED_CERT',
        'SELF_SIGNED_CERT_IN_CHAIN',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'ERR_TLS_CERT_ALTNAME_INVALID',
      ],
      category: 'transient',
      hint: 'Its TLS was refused: check the address (smtp:// or smtps://), the port and the certificate.',
    },
    { code: ['EABORT'], category: 'transient', as: 'aborted', hint: 'Sending was broken off.' },
    { code: ['ENOAUTH', 'ECONFIG', 'EOAUTH2'], category: 'auth', hint: 'Check user and password in ALERT_EMAIL_SMTP_URL.' },
    { code: ['EENVELOPE', 'EMESSAGE', 'EMAXRECIPIENTS'], category: 'permanent', hint: 'Check ALERT_EMAIL_FROM and ALERT_EMAIL_TO.' },
    { code: ['GREETING_TIMEOUT', 'ETIMEDOUT'], category: 'transient', hint: 'It did not answer in time; it will be asked again.' },
    {
      code: ['ENOTFOUND', 'EAI_AGAIN', 'EDNS'],
      category: 'transient',
      hint: 'Its name was not found: check ALERT_EMAIL_SMTP_URL and the DNS.',
    },
    {
      code: [
        'ECONNREFUSED',
        'ECONNRESET',
        'EPIPE',
        'EHOSTUNREACH',
        'ENETUNREACH',
        'ECONNECTION',
        'ESOCKET',
        'EPROTOCOL',
        'ESTREAM',
        'EPROXY',
        'EMAXLIMIT',
      ],
      category: 'transient',
      hint: 'The connection failed: check ALERT_EMAIL_SMTP_URL and the network if this goes on.',
    },
  ],
};
